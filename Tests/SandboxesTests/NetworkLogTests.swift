import Audit
import FoundationEssentials
import Linux
import Records
import Synchronization
import Testing
import Wire

@testable import Egress
@testable import Sandboxes

private func event(_ kind: EgressEvent.Kind, _ name: String, _ decision: EgressDecision) -> EgressEvent {
    EgressEvent(
        time: Date(timeIntervalSinceReferenceDate: 0),
        sandboxID: "i1",
        kind: kind,
        name: DomainName(name),
        address: IPAddress("93.184.216.34"),
        port: kind == .question(nil) ? nil : 443,
        decision: decision
    )
}

@Suite struct `a log of what a sandbox reached` {
    private let allowed = EgressDecision.allowed(.rule("allow a.example"))

    @Test func `sums by place, and counts what was refused apart`() {
        let log = NetworkLog()
        for received in [5, 7] {
            log.add(event(.question(DomainName("a.example")), "a.example", allowed))
            log.add(event(.connection, "a.example", allowed))
            log.add(event(.ended(sent: 1, received: received), "a.example", allowed))
        }
        log.add(event(.connection, "b.example", .denied(.fallback)))
        #expect(log.uses.map(\.host) == ["a.example", "b.example"])
        #expect(log.uses[0].count == 2 && log.uses[0].sent == 2 && log.uses[0].received == 12)
        #expect(log.uses[0].reason == "rule 'allow a.example'" && log.uses[0].isAllowed)
        #expect(log.uses[1].count == 1 && !log.uses[1].isAllowed && log.uses[1].reason == "default")
        #expect(log.events(after: 5).map(\.sequence) == [6, 7])
    }

    @Test func `is bounded, and tells by its numbers what was dropped`() throws {
        let log = NetworkLog()
        for number in 0..<5000 { log.add(event(.connection, "n\(number).example", .denied(.fallback))) }
        let events = log.events()
        #expect(events.count <= 1250 && events.last?.sequence == 5000)
        #expect(events.map(\.sequence) == Array(try #require(events.first).sequence...5000))
        #expect(log.uses.count == 200)
    }
}

@Suite struct `audit logs of sandboxes` {
    @Test func `go on after a restart, are known to their end, and are lost to nobody's path`() async throws {
        let home = Home("/tmp/martlet-audits-\(Random.name(10))")
        try Files.makeDirectory(home.path)
        defer { try? Files.remove(home.path) }
        let database = try await Database(path: home.database, migrations: Migration.all)
        let said = Mutex<[String]>([])
        let first = SandboxAudits(home, database) { text in said.withLock { $0.append(text) } }
        first.note("i1", "sandbox.created")
        let second = SandboxAudits(home, database) { text in said.withLock { $0.append(text) } }
        second.note("i1", "egress.question", ["name": "a.example"])
        #expect(try await second.entries(of: "i1").map(\.event) == ["sandbox.created", "egress.question"])
        let text = #"{"id":"i1","template":"claude","buildID":"b","machine":"m","created":0,"metadata":{}}"#
        let record = try JSONValue(parsing: text).decode(SandboxRecord.self)
        await second.close(record, .requested)
        #expect(try await second.entries(of: "i1").count == 3)
        for id in ["i2", "../i1", "", "i1/../i1"] {
            await #expect(throws: SandboxError.self) { try await second.entries(of: id) }
        }
        let file = "\(home.audit)/i1.jsonl"
        let lines = String(decoding: try Files.read(file), as: UTF8.self).split(separator: "\n")
        try Files.write(Array((lines[0] + "\n").utf8), to: file)
        await #expect(throws: (any Error).self) { try await second.entries(of: "i1") }
        await second.removeOld(now: Date(timeIntervalSinceNow: 31 * 86_400))
        #expect(!Files.exists(file))
        #expect(said.withLock { $0.isEmpty })
        await database.close()
    }
}
