import Foundation
import Records

/// A folder for the databases of one test, removed with all that is in it.
struct Folder {
    let url: URL

    static func with<Result>(_ body: (Folder) async throws -> Result) async throws -> Result {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "records-\(UInt64.random(in: 0 ... .max))"
        )
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: url) }
        return try await body(Folder(url: url))
    }

    func path(_ name: String = "records.sqlite") -> String { url.path + "/" + name }

    func bytes(_ name: String = "records.sqlite") throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path(name)))
    }

    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() }
}

/// Two tables, one of which refers to the other.
let migrations = [
    Migration(1, "CREATE TABLE birds (name TEXT PRIMARY KEY, feet INTEGER NOT NULL CHECK (feet >= 0)) STRICT"),
    Migration(
        2,
        """
        CREATE TABLE sightings (id INTEGER PRIMARY KEY, bird TEXT NOT NULL REFERENCES birds (name) DEFERRABLE INITIALLY DEFERRED) STRICT;
        INSERT INTO birds VALUES ('martlet', 0);
        """
    ),
]

func birds(_ database: Database) async throws -> [String] {
    try await database.read { try $0.query("SELECT name FROM birds ORDER BY name") { try $0.text("name") } }
}

/// The code of the error that `body` ends with; `nil` when it ends well.
func code(_ body: () async throws -> Void) async -> RecordsError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? RecordsError)?.code
    }
}
