import FoundationEssentials
import Linux
import Records
import Wire

/// What runs leave: a row in the records and a directory of files, `report.json`, `transcript.jsonl`, `diff.patch`,
/// `session.jsonl` and `workspace.tar` (what a continuation needs), `artifacts/`.
struct RunStore: Sendable {
    private let database: Database
    private let home: Home

    init(database: Database, home: Home) {
        self.database = database
        self.home = home
    }

    func directory(_ id: String) -> String { "\(home.runs)/\(id)" }
    func transcript(_ id: String) -> String { "\(directory(id))/transcript.jsonl" }
    func diff(_ id: String) -> String { "\(directory(id))/diff.patch" }
    func session(_ id: String) -> String { "\(directory(id))/session.jsonl" }
    func workspace(_ id: String) -> String { "\(directory(id))/workspace.tar" }
    func artifacts(_ id: String) -> String { "\(directory(id))/artifacts" }

    func insert(_ report: RunReport) async throws {
        try Files.makeDirectory(directory(report.id))
        let text = try JSONValue(encoding: report).text()
        try await database.transaction { connection in
            _ = try connection.execute(
                "INSERT INTO runs (id, created, outcome, report) VALUES (?, ?, NULL, ?)",
                report.id,
                report.created.timeIntervalSince1970,
                text
            )
        }
    }

    func update(_ report: RunReport) async throws {
        let text = try JSONValue(encoding: report).text()
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE runs SET outcome = ?, report = ? WHERE id = ?",
                report.outcome?.rawValue,
                text,
                report.id
            )
        }
    }

    /// The run with this id, or the only one whose id starts so.
    func report(_ id: String) async throws -> RunReport {
        let texts = try await database.read { connection in
            try connection.query(
                "SELECT report FROM runs WHERE id = ? OR (length(?) >= 4 AND substr(id, 1, length(?)) = ?) LIMIT 2",
                id,
                id,
                id,
                id
            ) { row in try row.text("report") }
        }
        guard let text = texts.first else {
            throw RunError(.notFound, "There is no run '\(id)'; 'martlet runs' lists them")
        }
        guard texts.count == 1 else {
            throw RunError(.notFound, "'\(id)' is the start of more than one run; give more of it")
        }
        return try JSONValue(parsing: text).decode(RunReport.self)
    }

    func list(limit: Int) async throws -> [RunReport] {
        let texts = try await database.read { connection in
            try connection.query("SELECT report FROM runs ORDER BY created DESC LIMIT ?", limit) { row in
                try row.text("report")
            }
        }
        return try texts.map { try JSONValue(parsing: $0).decode(RunReport.self) }
    }

    func remove(_ id: String) async throws {
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM runs WHERE id = ?", id)
        }
        try Files.remove(directory(id))
    }

    /// Says of every run that had not ended when the last daemon did what became of it.
    ///
    /// - Returns: the ids of those runs, whose sandboxes nobody needs any more.
    func endInterrupted() async throws -> Set<String> {
        let texts = try await database.read { connection in
            try connection.query("SELECT report FROM runs WHERE outcome IS NULL") { row in try row.text("report") }
        }
        var ids: Set<String> = []
        for text in texts {
            var report = try JSONValue(parsing: text).decode(RunReport.self)
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(
                code: "daemon_ended",
                message: "The daemon ended during the run; its transcript up to then is kept. Start the run again"
            )
            if Files.exists(transcript(report.id)) { report.transcript = transcript(report.id) }
            try await update(report)
            ids.insert(report.id)
        }
        return ids
    }
}
