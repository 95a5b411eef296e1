import CSQLite
import Glibc

/// A read or a change of the records that did not happen.
package struct RecordsError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. The list may grow.
    package struct Code: RawRepresentable, Sendable, Hashable {
        package var rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// Another connection held the database for longer than one waits.
        package static let locked = Code(rawValue: "locked")
        /// The file is damaged, or no database.
        package static let corrupt = Code(rawValue: "corrupt")
        /// There is no room for the change.
        package static let full = Code(rawValue: "full")
        /// A value that must be unique is there already.
        package static let duplicate = Code(rawValue: "duplicate")
        /// Another rule of a table is broken: a reference, a check, a missing value.
        package static let constraint = Code(rawValue: "constraint")
        /// The database was made by a later program than this one.
        package static let newerVersion = Code(rawValue: "newerVersion")
        /// The file, or its folder, cannot be opened or written.
        package static let inaccessible = Code(rawValue: "inaccessible")
        /// The disk failed.
        package static let inputOutput = Code(rawValue: "inputOutput")
        /// A value is larger than the database can hold.
        package static let tooLarge = Code(rawValue: "tooLarge")
        /// A column holds another type than the one asked for.
        package static let unexpectedType = Code(rawValue: "unexpectedType")
        /// The program asks for something that cannot be: a fault of this program.
        package static let misuse = Code(rawValue: "misuse")
        /// The database was closed.
        package static let closed = Code(rawValue: "closed")
        package static let other = Code(rawValue: "other")
    }

    package var code: Code
    /// A whole sentence.
    package var message: String
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(message): \($0)" } ?? message
    }
}

/// What SQLite itself says.
package struct SQLiteError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The extended result code: <https://sqlite.org/rescode.html>.
    package var resultCode: Int32
    package var message: String

    package var description: String { "\(message) (SQLite \(resultCode))" }

    /// The low byte, which says the kind.
    var primaryCode: Int32 { resultCode & 0xFF }
}

extension RecordsError {
    /// Puts SQLite's answer into a sentence about the database in `path`.
    init(_ cause: SQLiteError, systemErrno: Int32, path: String) {
        let code = Code(cause, systemErrno: systemErrno)
        self.init(code, code.sentence(path: path), cause: cause)
    }
}

extension RecordsError.Code {
    fileprivate init(_ cause: SQLiteError, systemErrno: Int32) {
        switch cause.primaryCode {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .locked
        case SQLITE_CORRUPT, SQLITE_NOTADB: self = .corrupt
        case SQLITE_FULL: self = .full
        // The shared-memory file of a full disk fails as a plain I/O error.
        case SQLITE_IOERR: self = systemErrno == ENOSPC || systemErrno == EDQUOT ? .full : .inputOutput
        case SQLITE_CONSTRAINT: self = Self.uniqueness.contains(cause.resultCode) ? .duplicate : .constraint
        case SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH: self = .inaccessible
        case SQLITE_TOOBIG: self = .tooLarge
        case SQLITE_ERROR, SQLITE_MISUSE, SQLITE_RANGE: self = .misuse
        default: self = .other
        }
    }

    /// `SQLITE_CONSTRAINT_UNIQUE`, `_PRIMARYKEY` and `_ROWID`: computed macros, which Swift does not import.
    private static let uniqueness = [8, 6, 10].map { SQLITE_CONSTRAINT | $0 << 8 }

    fileprivate func sentence(path: String) -> String {
        switch self {
        case .locked: "The records in '\(path)' were not reached: another process holds them; try again"
        case .corrupt:
            "The file '\(path)' is damaged or no database; it was left as it is: restore a copy, or move it away to start anew"
        case .full: "The records in '\(path)' were not changed: the disk is full; free some space and try again"
        case .duplicate: "The records in '\(path)' were not changed: there is such an entry already"
        case .constraint: "The records in '\(path)' were not changed: the change breaks a rule of its table"
        case .inaccessible:
            "The records in '\(path)' cannot be opened or written; look at the rights of the file and its folder"
        case .inputOutput: "The records in '\(path)' were not reached: the disk failed; look at the kernel's log"
        case .tooLarge: "The records in '\(path)' were not changed: a value is too large"
        case .misuse: "A statement on the records in '\(path)' cannot be run"
        default: "The records in '\(path)' were not reached"
        }
    }
}
