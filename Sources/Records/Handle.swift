import CSQLite
import Glibc

/// An open database as SQLite knows it, with the path for its errors.
///
/// Does not close itself: who holds it calls ``close()`` once, on the thread of the database. It is used by one thread
/// at a time (SQLite is opened without its own mutex).
struct Handle: @unchecked Sendable {
    let pointer: OpaquePointer
    let path: String

    /// Opens the file, which must exist.
    init(path: String, flags: Int32, busyTimeout: Duration) throws(RecordsError) {
        var pointer: OpaquePointer?
        let result = sqlite3_open_v2(
            Self.literal(path),
            &pointer,
            flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
            nil
        )
        guard let pointer else { throw RecordsError(.other, "The records in '\(path)' cannot be opened: no memory") }
        self.pointer = pointer
        self.path = path
        guard result == SQLITE_OK else {
            let error = error(result)
            close()
            throw error
        }
        let milliseconds =
            busyTimeout.components.seconds * 1000 + busyTimeout.components.attoseconds / 1_000_000_000_000_000
        sqlite3_busy_timeout(pointer, Int32(clamping: milliseconds))
    }

    func close() {
        sqlite3_close_v2(pointer)
    }

    /// Runs any number of statements and ignores their rows.
    func run(_ script: String) throws(RecordsError) {
        let result = sqlite3_exec(pointer, script, nil, nil, nil)
        guard result == SQLITE_OK else { throw error(result) }
    }

    /// The first column of the first row.
    func scalar(_ sql: String) throws(RecordsError) -> Value {
        let statement = try Statement(sql, on: self)
        return try statement.step() ? statement.value(at: 0) : .null
    }

    /// Whether a transaction is open. Some failures, such as a full disk, end it by themselves.
    var isInTransaction: Bool { sqlite3_get_autocommit(pointer) == 0 }

    func error(_ result: Int32) -> RecordsError {
        let cause = SQLiteError(resultCode: result, message: String(cString: sqlite3_errmsg(pointer)))
        return RecordsError(cause, systemErrno: sqlite3_system_errno(pointer), path: path)
    }

    func misuse(_ fault: String) -> RecordsError {
        RecordsError(.misuse, "A statement on the records in '\(path)' cannot be run: \(fault)")
    }

    /// The path so that SQLite sees a file in it, and never `:memory:`, a URI, or the empty name of a temporary file.
    static func literal(_ path: String) -> String {
        path.hasPrefix("/") ? path : "./\(path)"
    }
}
