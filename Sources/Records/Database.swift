import CSQLite

/// One SQLite database, used by one connection on a queue of its own.
///
/// Several connections, of this process or others, may use the same file: it is in WAL mode, so that readers and the
/// one writer do not wait for each other. A change that was committed survives the end of the process, however it ends;
/// the last few may be lost with the power (`synchronous = NORMAL`), but the file stays whole.
package actor Database {
    private enum State {
        case open(Handle)
        /// Terminal.
        case closed
    }

    private nonisolated let executor: DatabaseExecutor
    private nonisolated let path: String
    private var state: State

    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// Opens the file at `path`, makes it if there is none (for its owner only), and brings it to the last migration.
    ///
    /// A file that is newer than the program, damaged, or no database is refused and stays as it is.
    ///
    /// - Parameters:
    ///   - path: A file in a folder that exists; any characters but NUL.
    ///   - migrations: All that there ever were, in their order.
    ///   - busyTimeout: How long one waits for another process.
    package init(path: String, migrations: [Migration], busyTimeout: Duration = .seconds(5)) async throws {
        let executor = DatabaseExecutor()
        let opening = Opening(path: path, migrations: migrations, busyTimeout: busyTimeout)
        let handle = try await executor.perform { try opening.open() }
        self.executor = executor
        self.path = path
        state = .open(handle)
    }

    isolated deinit {
        close()
    }

    /// Runs `body` in a transaction that may write: all of it happens, or, if it throws, nothing.
    ///
    /// The closure is synchronous, so that no other work comes between its statements.
    // Inlined into a loop of an async function, it crashes the 6.3 compiler in release builds.
    @inline(never)
    @discardableResult
    package func transaction<R: Sendable>(_ body: @Sendable (borrowing Connection) throws -> R) throws -> R {
        try perform(begin: "BEGIN IMMEDIATE", mayWrite: true, body)
    }

    /// Runs `body` on one unchanging view of the database; a statement that writes is refused.
    @inline(never)
    package func read<R: Sendable>(_ body: @Sendable (borrowing Connection) throws -> R) throws -> R {
        try perform(begin: "BEGIN DEFERRED", mayWrite: false, body)
    }

    /// Closes the file, after which every use is refused. The last connection folds the write-ahead log into the file.
    package func close() {
        switch state {
        case .open(let handle):
            handle.close()
            state = .closed
        case .closed: break
        }
    }

    private func perform<R>(begin: String, mayWrite: Bool, _ body: (borrowing Connection) throws -> R) throws -> R {
        guard case .open(let handle) = state else {
            throw RecordsError(.closed, "The records in '\(path)' were not reached: they are closed")
        }
        return try handle.transaction(begin: begin) { () throws in
            try body(Connection(handle, mayWrite: mayWrite))
        }
    }
}

extension Handle {
    /// Runs `body` between `begin` and COMMIT, or takes back what it did.
    func transaction<R>(begin: String, _ body: () throws -> R) throws -> R {
        try run(begin)
        do {
            let result = try body()
            guard isInTransaction else {
                throw misuse("its transaction had ended, by a failure that was ignored or by a COMMIT or ROLLBACK")
            }
            try run("COMMIT")
            return result
        } catch {
            // The rollback of a failed change has no answer of its own that anyone could use: the connection's next BEGIN has.
            if isInTransaction { try? run("ROLLBACK") }
            throw error
        }
    }
}
