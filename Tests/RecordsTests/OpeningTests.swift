import Foundation
import Records
import Testing

@Suite struct `opening a database` {
    @Test(arguments: [
        "plain", "with space", "it's", "quote\"", "100%", "a?mode=memory", "#hash", "file:x", ":memory:", "vögel-鳥",
        "new\nline", "-dash",
        "back\\slash",
    ])
    func `takes any name for what it is`(_ name: String) async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(name), migrations: migrations)
            await database.close()
            #expect(try folder.names() == [name])
        }
    }

    @Test func `refuses what cannot be a file`() async throws {
        try await Folder.with { folder in
            for path in [folder.path("none/records"), folder.url.path, folder.path("a\0b"), ""] {
                let error = await #expect(throws: RecordsError.self) {
                    _ = try await Database(path: path, migrations: [])
                }
                #expect(error?.code == .inaccessible, "\(path)")
            }
            let names = try folder.names()
            #expect(names == [])
        }
    }

    @Test func `brings an older file forward, each step once`() async throws {
        try await Folder.with { folder in
            let old = try await Database(path: folder.path(), migrations: [migrations[0]])
            try await old.transaction { try $0.execute("INSERT INTO birds VALUES ('swift', 2)") }
            await old.close()
            for _ in 0..<2 {
                let new = try await Database(path: folder.path(), migrations: migrations)
                #expect(try await birds(new) == ["martlet", "swift"])
                await new.close()
            }
        }
    }

    @Test func `by many at once makes one database`() async throws {
        try await Folder.with { folder in
            try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<8 {
                    group.addTask { try await birds(Database(path: folder.path(), migrations: migrations)) }
                }
                for try await names in group { #expect(names == ["martlet"]) }
            }
        }
    }

    @Test func `leaves the file as it was when a step fails`() async throws {
        try await Folder.with { folder in
            let bad = [
                Migration(3, "CREATE TABLE eggs (x); INSERT INTO birds VALUES ('martlet', 0)"),
                Migration(3, "CREATE TABLE eggs (x); INSERT INTO sightings (bird) VALUES ('dodo')"),
                Migration(3, "CREATE TABLE eggs (x); nonsense"),
            ]
            let codes: [RecordsError.Code] = [.duplicate, .constraint, .misuse]
            for (migration, expected) in zip(bad, codes) {
                let error = await #expect(throws: RecordsError.self) {
                    _ = try await Database(path: folder.path(), migrations: migrations + [migration])
                }
                #expect(error?.code == expected)
                #expect(error?.message.contains("were not brought to version 3 and stay as they were") == true)
            }
            let database = try await Database(path: folder.path(), migrations: migrations)
            let tables = try await database.read {
                try $0.query("SELECT name FROM sqlite_schema WHERE type = 'table'") { try $0.text("name") }
            }
            #expect(tables == ["birds", "sightings"])
        }
    }

    @Test func `lets a step make a table anew without losing what refers to it`() async throws {
        try await Folder.with { folder in
            let old = try await Database(path: folder.path(), migrations: migrations)
            try await old.transaction { try $0.execute("INSERT INTO sightings (bird) VALUES ('martlet')") }
            await old.close()
            let anew = Migration(
                3,
                """
                CREATE TABLE fresh (name TEXT PRIMARY KEY, feet INTEGER) STRICT;
                INSERT INTO fresh SELECT * FROM birds;
                DROP TABLE birds;
                ALTER TABLE fresh RENAME TO birds;
                """
            )
            let new = try await Database(path: folder.path(), migrations: migrations + [anew])
            let code = await code {
                _ = try await new.transaction { try $0.execute("DELETE FROM birds") }
            }
            #expect(code == .constraint)
            #expect(try await birds(new) == ["martlet"])
        }
    }

    @Test func `refuses a file of a newer program and leaves it untouched`() async throws {
        try await Folder.with { folder in
            let newer = try await Database(path: folder.path(), migrations: migrations)
            await newer.close()
            let before = try folder.bytes()
            let error = await #expect(throws: RecordsError.self) {
                _ = try await Database(path: folder.path(), migrations: [migrations[0]])
            }
            #expect(error?.code == .newerVersion)
            #expect(
                error?.message
                    == "The records in '\(folder.path())' are of version 2, and this program knows up to 1; use the newer program"
            )
            #expect(try folder.bytes() == before)
        }
    }

    @Test func `refuses a newer file whose last changes are still in the log, and leaves both untouched`() async throws
    {
        try await Folder.with { folder in
            let newer = try await Database(path: folder.path(), migrations: migrations)
            // What a killed program leaves: the file and its log, with nobody using them.
            for name in ["records.sqlite", "records.sqlite-wal"] {
                try FileManager.default.copyItem(atPath: folder.path(name), toPath: folder.path("left-" + name))
            }
            await newer.close()
            let before = try [folder.bytes("left-records.sqlite"), folder.bytes("left-records.sqlite-wal")]
            let code = await code { _ = try await Database(path: folder.path("left-records.sqlite"), migrations: []) }
            #expect(code == .newerVersion)
            #expect(try [folder.bytes("left-records.sqlite"), folder.bytes("left-records.sqlite-wal")] == before)
            let again = try await Database(path: folder.path("left-records.sqlite"), migrations: migrations)
            #expect(try await birds(again) == ["martlet"])
        }
    }

    @Test func `refuses a file that is no database and leaves it untouched`() async throws {
        try await Folder.with { folder in
            let text = Data(String(repeating: "This is a letter, not a database.\n", count: 200).utf8)
            try text.write(to: URL(fileURLWithPath: folder.path()))
            let error = await #expect(throws: RecordsError.self) {
                _ = try await Database(path: folder.path(), migrations: migrations)
            }
            #expect(error?.code == .corrupt)
            #expect(
                error?.description.hasSuffix("move it away to start anew: file is not a database (SQLite 26)") == true
            )
            #expect(try folder.bytes() == text)
            #expect(try folder.names() == ["records.sqlite"])
        }
    }

    @Test func `of a file with a damaged page succeeds, and reading the page is refused`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            try await database.transaction { connection in
                for index in 0..<1000 {
                    try connection.execute("INSERT INTO birds VALUES (?, 2)", "bird number \(index)")
                }
            }
            await database.close()
            var bytes = try folder.bytes()
            bytes.replaceSubrange(4096 * 4..<bytes.count, with: repeatElement(0xA5, count: bytes.count - 4096 * 4))
            try bytes.write(to: URL(fileURLWithPath: folder.path()))

            let damaged = try await Database(path: folder.path(), migrations: migrations)
            #expect(await code { _ = try await birds(damaged) } == .corrupt)
            await damaged.close()
            #expect(try folder.bytes() == bytes)
        }
    }

    @Test(arguments: [[2, 1], [1, 1], [0], [-1]])
    func `refuses migrations that are out of order`(_ numbers: [Int32]) async throws {
        try await Folder.with { folder in
            let code = await code {
                _ = try await Database(path: folder.path(), migrations: numbers.map { Migration($0, "SELECT 1") })
            }
            #expect(code == .misuse)
            let names = try folder.names()
            #expect(names == [])
        }
    }
}
