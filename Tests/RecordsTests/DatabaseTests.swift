import Dispatch
import Foundation
import Records
import Testing

@Suite struct `a database` {
    @Test func `is made for its owner only, and keeps what was committed`() async throws {
        try await Folder.with { folder in
            let first = try await Database(path: folder.path(), migrations: migrations)
            try await first.transaction { try $0.execute("INSERT INTO birds VALUES (?, ?)", "swift", 2) }
            for name in try folder.names() {
                let mode =
                    try FileManager.default.attributesOfItem(atPath: folder.path(name))[.posixPermissions] as? Int
                #expect(mode == 0o600, "\(name)")
            }
            await first.close()
            #expect(try folder.names() == ["records.sqlite"])

            let second = try await Database(path: folder.path(), migrations: migrations)
            #expect(try await birds(second) == ["martlet", "swift"])
        }
    }

    @Test func `takes everything back when a transaction throws`() async throws {
        struct Stop: Error {}
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            await #expect(throws: Stop.self) {
                try await database.transaction { connection in
                    try connection.execute("INSERT INTO birds VALUES ('swift', 2)")
                    try connection.execute("DELETE FROM birds WHERE name = 'martlet'")
                    throw Stop()
                }
            }
            #expect(try await birds(database) == ["martlet"])
            try await database.transaction { try $0.execute("INSERT INTO birds VALUES ('swallow', 2)") }
            #expect(try await birds(database) == ["martlet", "swallow"])
        }
    }

    @Test func `takes everything back when the commit itself fails`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            let code = await code {
                // The reference is checked at the end of the transaction.
                try await database.transaction { connection in
                    try connection.execute("INSERT INTO birds VALUES ('swift', 2)")
                    try connection.execute("INSERT INTO sightings (bird) VALUES ('dodo')")
                }
            }
            #expect(code == .constraint)
            #expect(try await birds(database) == ["martlet"])
            try await database.transaction { try $0.execute("INSERT INTO birds VALUES ('swift', 2)") }
        }
    }

    @Test func `returns what the transaction returns`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            let (count, id, changed) = try await database.transaction { connection in
                let count = try connection.execute("INSERT INTO sightings (bird) VALUES ('martlet'), ('martlet')")
                let id = connection.lastInsertedID
                let changed = try connection.query("UPDATE sightings SET id = id + 10 RETURNING id") {
                    try $0.integer("id")
                }
                return (count, id, changed)
            }
            #expect(count == 2)
            #expect(id == 2)
            #expect(changed == [11, 12])
        }
    }

    @Test func `is shared by two connections, one of which waits while the other writes`() async throws {
        try await Folder.with { folder in
            let writer = try await Database(path: folder.path(), migrations: migrations)
            let other = try await Database(path: folder.path(), migrations: migrations, busyTimeout: .milliseconds(20))
            let (holding, hold) = AsyncStream.makeStream(of: Void.self)
            let release = DispatchSemaphore(value: 0)
            async let held: Void = writer.transaction { connection in
                try connection.execute("INSERT INTO birds VALUES ('swift', 2)")
                hold.yield()
                release.wait()
            }
            for await _ in holding { break }
            let code = await code { _ = try await other.transaction { try $0.execute("DELETE FROM birds") } }
            let seen = try await birds(other)
            release.signal()
            try await held

            #expect(code == .locked)
            #expect(seen == ["martlet"])
            #expect(try await birds(other) == ["martlet", "swift"])
            try await other.transaction { try $0.execute("DELETE FROM birds WHERE name = 'swift'") }
            #expect(try await birds(writer) == ["martlet"])
        }
    }

    @Test(.timeLimit(.minutes(5))) func `holds no thread of the concurrency pool while it waits`() async throws {
        try await Folder.with { folder in
            let release = DispatchSemaphore(value: 0)
            let count = ProcessInfo.processInfo.activeProcessorCount + 2
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (waiting, wait) = AsyncStream.makeStream(of: Void.self)
                for index in 0..<count {
                    let database = try await Database(path: folder.path("\(index)"), migrations: [])
                    group.addTask {
                        try await database.read { _ in
                            wait.yield()
                            release.wait()
                        }
                    }
                }
                // Gets here only if every one of them can wait at once.
                var seen = 0
                for await _ in waiting {
                    seen += 1
                    if seen == count { break }
                }
                for _ in 0..<count { release.signal() }
                try await group.waitForAll()
            }
        }
    }

    @Test func `says that the disk is full, and goes on afterwards`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            try await limitPages(of: database, to: 20)
            let error = await #expect(throws: RecordsError.self) {
                try await database.transaction { connection in
                    try connection.execute("INSERT INTO birds VALUES ('swift', 2)")
                    try connection.execute("INSERT INTO birds VALUES (?, 2)", String(repeating: "x", count: 1 << 20))
                }
            }
            #expect(error?.code == .full)
            #expect(error?.message.contains(folder.path()) == true)
            #expect((error?.cause as? SQLiteError)?.message == "database or disk is full")
            #expect(try await birds(database) == ["martlet"])
            try await limitPages(of: database, to: 100_000)
            try await database.transaction { try $0.execute("INSERT INTO birds VALUES ('swift', 2)") }
            #expect(try await birds(database) == ["martlet", "swift"])
        }
    }

    @Test func `answers nothing once it is closed`() async throws {
        try await Folder.with { folder in
            let database = try await Database(path: folder.path(), migrations: migrations)
            await database.close()
            await database.close()
            #expect(await code { _ = try await birds(database) } == .closed)
        }
    }

    private func limitPages(of database: Database, to count: Int) async throws {
        _ = try await database.read {
            try $0.query("PRAGMA max_page_count = \(count)") { try $0.integer("max_page_count") }
        }
    }
}
