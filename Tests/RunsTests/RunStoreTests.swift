import FoundationEssentials
import Linux
import Records
import Testing
import Wire

@testable import Runs

@Suite struct `a store of runs` {
    private static func with(_ body: (RunStore, Home, Database) async throws -> Void) async throws {
        let home = Home("/tmp/martlet-runs-\(Random.name(12))")
        try Files.makeDirectory(home.path)
        defer { try? Files.remove(home.path) }
        let database = try await Database(path: home.database, migrations: Migration.all)
        try await body(RunStore(database: database, home: home), home, database)
        await database.close()
    }

    private func report(_ id: String, at seconds: Double = 1000) -> RunReport {
        RunReport(
            id: id,
            template: "claude",
            isolation: "microvm (tcg)",
            created: Date(timeIntervalSince1970: seconds),
            prompt: "Go"
        )
    }

    @Test func `gives back what was put in, by the id or enough of it`() async throws {
        try await Self.with { store, home, _ in
            var first = report("rabcd0001")
            try await store.insert(first)
            try await store.insert(report("rabce0002"))
            first.outcome = .valid
            first.result = ["x": [1, "two"]]
            first.attempts = [.init(round: 0, arguments: [:], isValid: false, faults: ["/x is missing"])]
            try await store.update(first)
            #expect(try await store.report("rabcd0001") == first)
            #expect(try await store.report("rabcd") == first)
            #expect(Files.isDirectory("\(home.runs)/rabcd0001"))
            for wrong in ["rabc", "rab", "r%", "nothing", ""] {
                await #expect(throws: RunError.self, "\(wrong)") { _ = try await store.report(wrong) }
            }
        }
    }

    @Test func `lists the newest first`() async throws {
        try await Self.with { store, _, _ in
            for (index, id) in ["rold1", "rnew1", "rmid1"].enumerated() {
                try await store.insert(report(id, at: [1, 3, 2][index]))
            }
            #expect(try await store.list(limit: 10).map(\.id) == ["rnew1", "rmid1", "rold1"])
            #expect(try await store.list(limit: 1).map(\.id) == ["rnew1"])
        }
    }

    @Test func `removes a run with its files`() async throws {
        try await Self.with { store, home, _ in
            try await store.insert(report("rgone1"))
            try Files.write("x".utf8, to: store.transcript("rgone1"))
            try await store.remove("rgone1")
            #expect(Files.list(home.runs).isEmpty)
            await #expect(throws: RunError.self) { _ = try await store.report("rgone1") }
        }
    }

    @Test func `ends what the last daemon left open, and nothing else`() async throws {
        try await Self.with { store, _, _ in
            var done = report("rdone1")
            try await store.insert(done)
            done.outcome = .valid
            try await store.update(done)
            var open = report("ropen1")
            try await store.insert(open)
            open.sandboxID = "i1"
            try await store.update(open)
            try Files.write("{}\n".utf8, to: store.transcript("ropen1"))
            try await store.insert(report("ropen2"))

            #expect(try await store.endInterrupted() == ["ropen1", "ropen2"])
            let ended = try await store.report("ropen1")
            #expect(ended.outcome == .sandboxFailed)
            #expect(ended.error?.code == "daemon_ended")
            #expect(ended.transcript == store.transcript("ropen1"))
            #expect(try await store.report("rdone1") == done)
            #expect(try await store.endInterrupted().isEmpty)
        }
    }

    @Test func `keeps its files from other users`() async throws {
        try await Self.with { store, home, _ in
            try await store.insert(report("rmode1"))
            #expect(permissions(home.runs) == 0o700)
            #expect(permissions(store.directory("rmode1")) == 0o700)
        }
    }
}
