import Access
import Linux
import Records
import Wire

/// The snapshots that were made by name, with what opens the guests in them.
struct SnapshotRecords: Sendable {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// Adds a snapshot.
    ///
    /// - Returns: the one that had its name, which is gone.
    func insert(_ snapshot: NamedSnapshot, token: Secret) async throws -> NamedSnapshot? {
        let text = try JSONValue(encoding: snapshot).text()
        return try await database.transaction { connection in
            let previous = try connection.query(
                "SELECT record FROM snapshots WHERE owner = ? AND name = ?",
                snapshot.owner.rawValue,
                snapshot.name
            ) { try $0.text("record") }
            _ = try connection.execute(
                "DELETE FROM snapshots WHERE owner = ? AND name = ?",
                snapshot.owner.rawValue,
                snapshot.name
            )
            try token.exposed { token in
                _ = try connection.execute(
                    "INSERT INTO snapshots (id, owner, name, token, record) VALUES (?, ?, ?, ?, ?)",
                    snapshot.id,
                    snapshot.owner.rawValue,
                    snapshot.name,
                    token,
                    text
                )
            }
            return try previous.first.map { try JSONValue(parsing: $0).decode() }
        }
    }

    func remove(_ id: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM snapshots WHERE id = ?", id)
        }
    }

    func all() async throws -> [NamedSnapshot] {
        let rows = try await database.read { connection in
            try connection.query("SELECT record FROM snapshots ORDER BY id") { try $0.text("record") }
        }
        return try rows.map { try JSONValue(parsing: $0).decode() }
    }

    /// The snapshot of an owner with this id or name.
    func find(_ name: String, of owner: Owner) async throws -> NamedSnapshot? {
        let rows = try await database.read { connection in
            try connection.query(
                "SELECT record FROM snapshots WHERE owner = ? AND (id = ? OR name = ?)",
                owner.rawValue,
                name,
                name
            ) { try $0.text("record") }
        }
        return try rows.first.map { try JSONValue(parsing: $0).decode() }
    }

    /// What opens the guest in a snapshot.
    func token(_ id: String) async throws -> Secret? {
        try await database.read { connection in
            try connection.query("SELECT token FROM snapshots WHERE id = ?", id) { Secret(try $0.text("token")) }.first
        }
    }
}
