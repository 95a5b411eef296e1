/// One step of a database's shape, from the version before it to `number`.
///
/// A migration that was ever released is never changed: what comes after it is another migration.
package struct Migration: Sendable {
    /// The version the database has afterwards; 1 or more, and each greater than the one before.
    package let number: Int32
    /// Any number of statements, none of which begins or ends a transaction.
    package let sql: String

    package init(_ number: Int32, _ sql: String) {
        self.number = number
        self.sql = sql
    }
}
