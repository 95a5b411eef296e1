import CSQLite

/// The database inside a transaction: what the closure of ``Database/transaction(_:)`` and ``Database/read(_:)`` works with.
package struct Connection: ~Copyable {
    private let database: Handle
    private let mayWrite: Bool

    init(_ database: Handle, mayWrite: Bool) {
        self.database = database
        self.mayWrite = mayWrite
    }

    /// Runs one statement that has no rows, with a value for each `?`.
    ///
    /// - Returns: How many rows it inserted, changed or deleted; of other statements nothing useful.
    @discardableResult
    package func execute(_ sql: String, _ bindings: any Bindable...) throws(RecordsError) -> Int {
        try execute(sql, binding: bindings)
    }

    /// The same, for bindings that are counted only at run time.
    @discardableResult
    package func execute(_ sql: String, binding bindings: [any Bindable]) throws(RecordsError) -> Int {
        let statement = try prepare(sql, bindings)
        guard statement.columnNames.isEmpty else { throw database.misuse("it has rows; use 'query' for '\(sql)'") }
        while try statement.step() {}
        return Int(sqlite3_changes64(database.pointer))
    }

    /// Runs one statement and makes something of each of its rows, in their order.
    package func query<Result>(
        _ sql: String,
        _ bindings: any Bindable...,
        row read: (borrowing Row) throws -> Result
    ) throws -> [Result] {
        try query(sql, binding: bindings, row: read)
    }

    /// The same, for bindings that are counted only at run time.
    package func query<Result>(
        _ sql: String,
        binding bindings: [any Bindable],
        row read: (borrowing Row) throws -> Result
    ) throws -> [Result] {
        let statement = try prepare(sql, bindings)
        let columns = statement.columnNames
        guard !columns.isEmpty else { throw database.misuse("it has no rows; use 'execute' for '\(sql)'") }
        var results: [Result] = []
        while try statement.step() {
            let values = columns.indices.map { statement.value(at: $0) }
            results.append(try read(Row(columns: columns, values: values, path: database.path)))
        }
        return results
    }

    /// The row id of the last insertion in this database.
    package var lastInsertedID: Int64 { sqlite3_last_insert_rowid(database.pointer) }

    private func prepare(_ sql: String, _ bindings: [any Bindable]) throws(RecordsError) -> Statement {
        let statement = try Statement(sql, on: database)
        guard mayWrite || statement.isReadOnly else { throw database.misuse("it writes, inside a read: '\(sql)'") }
        try statement.bind(bindings)
        return statement
    }
}
