import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `the journal of a guest` {
    private static func read(_ agent: RunningAgent, after: UInt64 = 0, limit: Int = 10_000) async throws
        -> [JournalEntry]
    {
        try await agent.calls.call(ReadJournal.self, ReadJournal.Request(after: after, limit: limit)).entries
    }

    /// Reads until it says that a process has ended: its listeners are told a moment before or after.
    private static func readToEnd(_ agent: RunningAgent) async throws -> [JournalEntry] {
        try await retrying(every: .milliseconds(2), for: .seconds(60)) {
            let entries = try await read(agent)
            return entries.last?.kind == .ended ? entries : nil
        }
    }

    @Test func `tells what was started, what it said and how it ended`() async throws {
        try await RunningAgent.run { agent in
            let before = Date()
            let story = try await agent.shell(
                "echo one; echo; sleep 0.01; printf 'it is\r\nhalf' ; echo err >&2; exit 3"
            )
            let entries = try await Self.readToEnd(agent)
            #expect(entries.map(\.sequence) == Array(1...UInt64(entries.count)))
            #expect(entries.allSatisfy { $0.pid == story.pid && $0.time >= before.addingTimeInterval(-1) })
            #expect(entries.first?.kind == .started)
            #expect(entries.first?.text.hasPrefix("/bin/sh -c 'echo one;") == true)
            #expect(entries.filter { $0.kind == .output }.map(\.text) == ["one", "", "it is", "half"])
            #expect(entries.filter { $0.kind == .error }.map(\.text) == ["err"])
            #expect(entries.last?.text == "exit status 3")
            #expect(try await Self.read(agent, after: 2, limit: 2).map(\.sequence) == [3, 4])
        }
    }

    @Test func `is emptied by an identity and by a release`() async throws {
        try await RunningAgent.run { agent in
            _ = try await agent.shell("echo secret")
            _ = try await Self.readToEnd(agent)
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token]), 204)
            #expect(try await Self.read(agent).isEmpty)
            // A process that is killed by the release still ends afterwards, for nobody.
            _ = try await agent.calls.stream(StartProcess.self, .init(process: ProcessConfig(cmd: "cat"))) { events in
                _ = try await events.next()
            }
            try await agent.link.release()
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: RunningAgent.secret]), 204)
            let story = try await agent.shell("true")
            #expect(try await Self.readToEnd(agent).map(\.pid) == [story.pid, story.pid])
        }
    }

    @Test func `keeps the newest of a flood, and its gap tells that there was more`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("head -c 4000000 /dev/zero | tr '\\0' '\\n'; head -c 20000 /dev/zero")
            #expect(story.stdout.count == 4_020_000)
            let entries = try await Self.readToEnd(agent)
            #expect(entries.count <= 4000)
            #expect(entries.first?.sequence ?? 0 > 1)
            #expect(entries.last?.text == "exit status 0")
        }
    }

    @Test func `is bounded in entries and in bytes, and forgets the oldest`() {
        let journal = Journal()
        for number in 0..<10_000 { journal.add(.output, [Array("\(number)".utf8)], pid: 1, for: journal.owner) }
        let many = journal.read(after: 0, limit: .max)
        #expect(many.count == 4000)
        #expect(many.first?.text == "6000")
        #expect(many.last?.text == "9999")
        let long = [UInt8](repeating: 0x61, count: Journal.lineLimit)
        for _ in 0..<1000 { journal.add(.output, [long], pid: 1, for: journal.owner) }
        #expect(journal.read(after: 0, limit: .max).reduce(0) { $0 + $1.text.utf8.count } <= 1024 * 1024)
    }

    @Test(arguments: [1, 3, 5000, 100_000])
    func `cuts lines at a length, in whatever pieces they come`(_ size: Int) {
        var bytes = Array("short\r\n".utf8) + [UInt8](repeating: 0x61, count: 20_000) + Array("\nnext\n\n".utf8)
        bytes += [0xFF, 0x62]
        var cutter = LineCutter()
        var lines: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            lines += cutter.add(Array(bytes[start..<min(start + size, bytes.count)]))
        }
        #expect(lines.map(\.count) == [5, Journal.lineLimit, 4, 0])
        #expect(cutter.rest == [0xFF, 0x62])
    }
}

@Suite struct `the samples of a guest` {
    @Test func `begin with its identity`() async throws {
        try await RunningAgent.run { agent in
            let samples = try await agent.calls.call(ReadMetrics.self, Empty()).samples
            let first = try #require(samples.first)
            #expect(first.processors >= 1)
            #expect(first.memoryTotal > first.memoryUsed)
            #expect(first.diskTotal > 0)
            try await agent.link.release()
            expect(try await agent.identify([GuestProtocol.bootstrapHeader: RunningAgent.secret]), 204)
            let later = try await agent.calls.call(ReadMetrics.self, Empty()).samples
            #expect(!later.isEmpty && later.allSatisfy { $0.time > first.time })
        }
    }
}
