import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a guest that goes on elsewhere` {
    private static func next(_ renewal: GuestIdentity.Renewal) -> GuestIdentity {
        var next = RunningAgent.identity
        next.accessToken = "the second token"
        next.envVars = ["OWN": "mine"]
        next.renewal = renewal
        return next
    }

    private static func link(_ agent: RunningAgent) -> GuestLink {
        GuestLink(GuestLine(to: agent.address), token: Secret("the second token"))
    }

    @Test(arguments: [GuestIdentity.Renewal.resume, .fork])
    func `keeps as the same sandbox what another one loses`(_ renewal: GuestIdentity.Renewal) async throws {
        try await RunningAgent.run { agent in
            _ = try await agent.shell("echo one")
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], Self.next(renewal)), 204)
            expect(try await agent.send("GET", "/envs").status, 401)
            let link = Self.link(agent)
            let entries = try await link.call(ReadJournal.self, .init(after: 0, limit: 100)).entries
            let told = try await link.run(.init("/bin/sh", ["-c", "echo $GREETING $OWN"])).text
            switch renewal {
            case .resume:
                #expect(entries.map(\.text).contains("one"))
                #expect(told == "hello\n")
            case .fork:
                #expect(entries.isEmpty)
                #expect(told == "hello mine\n")
            }
        }
    }

    @Test func `ends the streams of before, and not the processes behind them`() async throws {
        try await RunningAgent.run { agent in
            let cat = StartProcess.Request(process: ProcessConfig(cmd: "cat"), tag: "cat", stdin: true)
            let held = try await Self.parkTunnel(agent)
            await #expect(throws: (any Error).self) {
                try await agent.calls.stream(StartProcess.self, cat) { events in
                    var story = Story()
                    _ = try await story.read(&events)
                    let identity = Self.next(.fork)
                    expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], identity), 204)
                    try await story.readAll(&events)
                }
            }
            #expect(try await held.read(upTo: 1).isEmpty)
            let running = try await Self.link(agent).call(ListProcesses.self, Empty()).processes
            #expect(running.map(\.tag) == ["cat"])
        }
    }

    private static func parkTunnel(_ agent: RunningAgent) async throws -> any ByteStream {
        let head = RequestHead(method: "POST", target: GuestProtocol.tunnelPath, headers: RunningAgent.headers)
        return try await agent.http.upgrade(head, to: GuestProtocol.tunnelUpgrade)
    }
}

@Suite struct `a hold` {
    /// Stands in for a control group file system, which not every machine that runs tests lets them have.
    private struct Groups: Sendable {
        let path: String

        var isFrozen: Bool { Accounts.text(of: "\(path)/cgroup.freeze") == "1" }

        /// Waits until the processes go on.
        func thaw() async throws {
            try await retrying(every: .milliseconds(5), for: .seconds(60)) { isFrozen ? nil : () }
        }

        static func with(_ body: @Sendable @escaping (RunningAgent, Groups) async throws -> Void) async throws {
            let groups = Groups(path: try RunningAgent.temporaryDirectory())
            defer { try? Directory.remove(groups.path) }
            for (file, text) in [("cgroup.freeze", "0"), ("cgroup.events", "populated 1\nfrozen 1\n")] {
                try Files.write(text.utf8, to: "\(groups.path)/\(file)")
            }
            try await RunningAgent.run(controlGroups: groups.path) { agent in try await body(agent, groups) }
        }
    }

    @Test func `lasts as long as somebody holds`() async throws {
        try await Groups.with { agent, groups in
            try await agent.link.holding {
                #expect(groups.isFrozen)
                try await agent.link.holding { #expect(groups.isFrozen) }
                // The end of the inner one was seen, or else this answer is older than it.
                expect(try await agent.send("GET", "/envs").status, 200)
                #expect(groups.isFrozen)
            }
            try await groups.thaw()
        }
    }

    @Test func `ends with a new identity, and when it is told to`() async throws {
        try await Groups.with { agent, groups in
            try await agent.link.holding {
                #expect(groups.isFrozen)
                try await agent.link.endHolds()
                #expect(!groups.isFrozen)
            }
            try await agent.link.holding {
                var next = RunningAgent.identity
                next.renewal = .fork
                #expect(groups.isFrozen)
                expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token], next), 204)
                #expect(!groups.isFrozen)
            }
        }
    }

    @Test func `is for who has the token, and says what it is`() async throws {
        try await Groups.with { agent, groups in
            expect(try await agent.send("POST", GuestProtocol.holdPath, [GuestProtocol.tokenHeader: "no"]).status, 401)
            expect(try await agent.send("POST", GuestProtocol.holdPath).status, 426)
            expect(try await agent.send("DELETE", GuestProtocol.holdPath).status, 204)
            #expect(!groups.isFrozen)
        }
    }
}
