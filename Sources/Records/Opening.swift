import CSQLite
import Glibc

/// The steps from a path to a database of the right version. They block: for the queue of the database only.
struct Opening {
    let path: String
    let migrations: [Migration]
    let busyTimeout: Duration

    func open() throws -> Handle {
        // C would take the path only up to there, and open another file.
        guard !path.utf8.contains(0) else { throw RecordsError(.inaccessible, "The path '\(path)' has a NUL in it") }
        try checkMigrations()
        try makeFile()
        try refuseNewerVersion()
        let handle = try Handle(path: path, flags: SQLITE_OPEN_READWRITE, busyTimeout: busyTimeout)
        do {
            // Asked again: the look above may have been denied, or be out of date.
            try refuseNewerVersion(of: handle)
            try enterWriteAheadMode(handle)
            // References are checked once, before each migration's COMMIT: only so can a table be made anew.
            try handle.run("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = OFF")
            try migrate(handle)
            try handle.run("PRAGMA foreign_keys = ON")
            return handle
        } catch {
            handle.close()
            throw error
        }
    }

    private var lastVersion: Int32 { migrations.last?.number ?? 0 }

    private func checkMigrations() throws {
        let numbers = [0] + migrations.map(\.number)
        guard zip(numbers, numbers.dropFirst()).allSatisfy({ $0 < $1 }) else {
            throw RecordsError(
                .misuse,
                "The migrations of '\(path)' are not in the order of their numbers: \(numbers.dropFirst())"
            )
        }
    }

    /// SQLite gives the log beside the file the rights of the file.
    private func makeFile() throws {
        let descriptor = Glibc.open(Handle.literal(path), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let number = errno
            let cause = SQLiteError(resultCode: SQLITE_CANTOPEN, message: String(cString: strerror(number)))
            throw RecordsError(cause, systemErrno: number, path: path)
        }
        Glibc.close(descriptor)
    }

    /// Looks at the version through a connection that cannot write: a plain one, when it closes, folds the log into the file.
    private func refuseNewerVersion() throws {
        let handle = try Handle(path: path, flags: SQLITE_OPEN_READONLY, busyTimeout: busyTimeout)
        defer { handle.close() }
        do {
            try refuseNewerVersion(of: handle)
        } catch let error as RecordsError {
            // After a crash the file may first need a repair that only a writer can do.
            guard let cause = error.cause as? SQLiteError, cause.primaryCode == SQLITE_READONLY else { throw error }
        }
    }

    private func refuseNewerVersion(of handle: Handle) throws {
        let version = try version(of: handle)
        if version > lastVersion {
            throw RecordsError(
                .newerVersion,
                "The records in '\(path)' are of version \(version), and this program knows up to \(lastVersion); use the newer program"
            )
        }
    }

    private func version(of handle: Handle) throws -> Int32 {
        guard case .integer(let version) = try handle.scalar("PRAGMA user_version") else { return 0 }
        return Int32(clamping: version)
    }

    /// Turns the log on. Two first openings at once can collide here without SQLite's own waiting, so this waits itself.
    private func enterWriteAheadMode(_ handle: Handle) throws {
        let deadline = ContinuousClock.now + busyTimeout
        while true {
            do {
                guard try handle.scalar("PRAGMA journal_mode = WAL") == .text("wal") else {
                    throw RecordsError(
                        .inaccessible,
                        "The file system of '\(path)' cannot hold a write-ahead log; use a local disk"
                    )
                }
                return
            } catch let error as RecordsError where error.code == .locked && ContinuousClock.now < deadline {
                sqlite3_sleep(5)
            }
        }
    }

    private func migrate(_ handle: Handle) throws {
        for migration in migrations {
            if try version(of: handle) >= migration.number { continue }
            try handle.transaction(begin: "BEGIN IMMEDIATE") {
                // Another process may have done it between the look and the lock.
                if try version(of: handle) >= migration.number { return }
                do {
                    try handle.run(migration.sql)
                    guard handle.isInTransaction else { throw handle.misuse("a migration ended its own transaction") }
                    guard case .null = try handle.scalar("PRAGMA foreign_key_check") else {
                        throw RecordsError(.constraint, "A row refers to one that is not there")
                    }
                    try handle.run("PRAGMA user_version = \(migration.number)")
                } catch let error as RecordsError {
                    let message =
                        "The records in '\(path)' were not brought to version \(migration.number) and stay as they were"
                    throw RecordsError(error.code, message, cause: error.cause ?? error)
                }
            }
        }
    }
}
