import FoundationEssentials
import Linux
import Records
import Wire

/// The sandboxes that run, as the next daemon must know them.
///
/// The token is kept in the clear, unlike keys of clients: without it the next daemon could not speak to the guest. The file
/// is its owner's alone.
struct SandboxRecords: Sendable {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    func insert(_ record: SandboxRecord, token: Secret) async throws {
        let text = try JSONValue(encoding: record).text()
        try await database.transaction { connection in
            try token.exposed { token in
                _ = try connection.execute(
                    "INSERT INTO sandboxes (id, token, record) VALUES (?, ?, ?)",
                    record.id,
                    token,
                    text
                )
            }
        }
    }

    /// Writes down what a sandbox is now: of two changes at once the later is what stays.
    func update(_ sandbox: Sandbox) async throws {
        try await database.transaction { connection in
            let record = sandbox.record
            let text = try JSONValue(encoding: record).text()
            _ = try connection.execute("UPDATE sandboxes SET record = ? WHERE id = ?", text, record.id)
        }
    }

    func remove(_ id: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM sandboxes WHERE id = ?", id)
        }
    }

    func all() async throws -> [(SandboxRecord, Secret)] {
        let rows = try await database.read { connection in
            try connection.query("SELECT record, token FROM sandboxes") { row in
                (try row.text("record"), try row.text("token"))
            }
        }
        return try rows.map { record, token in
            (try JSONValue(parsing: record).decode(SandboxRecord.self), Secret(token))
        }
    }
}
