import Access
import FoundationEssentials
import Records
import Wire

/// What is known of a build that somebody asked for.
///
/// Written when it is asked for and when its state changes; read by whoever asks for it, and by the next daemon.
package struct TemplateBuildRecord: Codable, Sendable, Hashable {
    package struct Reason: Codable, Sendable, Hashable {
        package var message: String
        package var step: String?
    }

    /// A UUID; of a build that is ready, its template's build id.
    package let id: String
    package let template: String
    /// The names that it gets, `default` unless somebody wished otherwise.
    package let tags: [String]
    package let owner: Owner
    package let size: TemplateSize
    package let created: Date
    package var updated: Date
    package var finished: Date?
    package var status: TemplateBuildStatus
    /// Why it failed.
    package var reason: Reason?
}

/// The records of builds, and whose the names are.
struct TemplateBuildRecords: Sendable {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    func insert(_ record: TemplateBuildRecord) async throws {
        let text = try JSONValue(encoding: record).text()
        try await database.transaction { connection in
            _ = try connection.execute(
                "INSERT INTO templateBuilds (id, template, created, record) VALUES (?, ?, ?, ?)",
                record.id,
                record.template,
                record.created.timeIntervalSince1970,
                text
            )
        }
    }

    func update(_ record: TemplateBuildRecord) async throws {
        let text = try JSONValue(encoding: record).text()
        try await database.transaction { connection in
            _ = try connection.execute("UPDATE templateBuilds SET record = ? WHERE id = ?", text, record.id)
        }
    }

    func record(_ id: String) async throws -> TemplateBuildRecord? {
        let texts = try await database.read { connection in
            try connection.query("SELECT record FROM templateBuilds WHERE id = ?", id) { row in try row.text("record") }
        }
        return try texts.first.map { try JSONValue(parsing: $0).decode() }
    }

    /// The builds of a template, or all of them, the newest first.
    func records(of template: String? = nil) async throws -> [TemplateBuildRecord] {
        let texts = try await database.read { connection in
            try connection.query(
                "SELECT record FROM templateBuilds WHERE template = coalesce(?, template) ORDER BY created DESC",
                template
            ) { row in try row.text("record") }
        }
        return try texts.map { try JSONValue(parsing: $0).decode() }
    }

    func remove(_ id: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM templateBuilds WHERE id = ?", id)
        }
    }

    // MARK: Owners

    /// Whose a name is, if anybody has taken it.
    func owner(of template: String) async throws -> Owner? {
        let texts = try await database.read { connection in
            try connection.query("SELECT owner FROM templateOwners WHERE template = ?", template) { row in
                try row.text("owner")
            }
        }
        return texts.first.map { Owner(rawValue: $0) }
    }

    func setOwner(_ owner: Owner, of template: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                "INSERT INTO templateOwners (template, owner) VALUES (?, ?) ON CONFLICT (template) DO NOTHING",
                template,
                owner.rawValue
            )
        }
    }

    func removeOwner(of template: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM templateOwners WHERE template = ?", template)
        }
    }
}
