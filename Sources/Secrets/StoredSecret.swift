import FoundationEssentials
import Records
import Wire

/// What may be told about a secret: everything but its value.
package struct StoredSecret: Sendable, Hashable {
    package let id: String
    package let name: String
    /// The newest; the first is 1.
    package let version: Int
    package let metadata: JSONValue
    package let created: Date
    package let updated: Date

    init(_ row: borrowing Row) throws {
        id = try row.text("id")
        name = try row.text("name")
        version = try row.integer("version")
        metadata = try JSONValue(parsing: try row.text("metadata"))
        created = Date(timeIntervalSince1970: try row.real("created"))
        updated = Date(timeIntervalSince1970: try row.real("updated"))
    }
}
