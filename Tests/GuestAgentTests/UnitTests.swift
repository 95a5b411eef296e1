import FoundationEssentials
import Glibc
import GuestLink
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a unit of the guest` {
    @Test func `runs as a service with its variables and its directory until it is stopped`() async throws {
        try await RunningAgent.run { agent in
            var unit = Unit("web.1", commands: ["echo first", "echo \"$GREETING $WORD in $PWD\"; sleep 1000 & wait"])
            unit.environment = ["WORD": "world"]
            unit.directory = agent.home
            try await agent.put(unit)
            #expect(try await agent.list()["web.1"]?.state == .inactive)
            let started = try await agent.control(.start, "web.1")
            #expect(started.state == .active && started.detail == "running" && started.restarts == 0)
            let pid = Int32(try #require(started.pid))
            #expect(isAlive(pid))
            try await agent.wrote("web.1", "hello world in \(agent.home)")
            #expect(try await agent.log("web.1").first { $0.source == .output }?.text == "first")
            let other = try await agent.control(.restart, "web.1")
            #expect(other.state == .active && other.pid != started.pid && !isAlive(pid))
            let stopped = try await agent.control(.stop, "web.1")
            #expect(stopped.state == .inactive && stopped.pid == nil)
            _ = try await agent.calls.call(RemoveUnit.self, .init(name: "web.1"))
            #expect(try await agent.list().isEmpty)
        }
    }

    @Test func `is started again until it was too often`() async throws {
        try await RunningAgent.run { agent in
            var unit = Unit("flaky", commands: ["echo again; echo oops >&2; exit 3"])
            unit.restart.policy = .onFailure
            unit.restart.pause = 0.01
            unit.restart.burst = 3
            unit.restart.interval = 60
            try await agent.put(unit)
            _ = try await agent.control(.start, "flaky")
            let failed = try await agent.becomes("flaky", .failed)
            #expect(failed.restarts == 2 && failed.exitCode == 3)
            #expect(failed.reason?.contains("3 times within 60 s") == true)
            let log = try await agent.log("flaky")
            #expect(log.count { $0.text == "again" && $0.source == .output } == 3)
            #expect(log.count { $0.text == "oops" && $0.source == .error } == 3)
            #expect(try await agent.log("flaky", 1).map(\.text) == ["It has failed"])
        }
    }

    @Test func `that takes no notice of being told to stop is killed with all that it started`() async throws {
        try await RunningAgent.run { agent in
            try await agent.put(Unit("deaf", commands: ["trap '' TERM; echo ready; while :; do sleep 1; done"]))
            let started = try await agent.control(.start, "deaf")
            try await agent.wrote("deaf", "ready")
            let begin = ContinuousClock.now
            #expect(try await agent.control(.stop, "deaf").state == .inactive)
            #expect(ContinuousClock.now - begin > .seconds(9))
            #expect(!isAlive(Int32(started.pid ?? 0)))
        }
    }

    @Test func `starts behind what it requires, and not without it`() async throws {
        try await RunningAgent.run { agent in
            var first = Unit("first", .oneshot, commands: ["sleep 0.2; echo x >> \(agent.home)/order"])
            first.remainsActive = true
            var second = Unit("second", commands: ["cat \(agent.home)/order; exec sleep 1000"])
            second.requires = ["first", "network.target"]
            var broken = Unit("broken", .oneshot, commands: ["exit 1"])
            broken.onFailure = ["rescue"]
            var third = Unit("third", commands: ["sleep 1000"])
            third.requires = ["broken"]
            let rescue = Unit("rescue", .oneshot, commands: ["echo saved > \(agent.home)/saved"])
            try await agent.put(first, second, broken, third, rescue)
            #expect(try await agent.control(.start, "second").state == .active)
            #expect(try await agent.list()["first"]?.detail == "exited")
            try await agent.wrote("second", "x")
            let refused = try await agent.control(.start, "third")
            #expect(refused.state == .failed && refused.reason?.contains("'broken'") == true)
            _ = try await retrying(every: .milliseconds(10), for: .seconds(20)) {
                Files.exists("\(agent.home)/saved") ? true : nil
            }
            // What can not be without it goes with it.
            #expect(try await agent.control(.stop, "first").state == .inactive)
            #expect(try await agent.list()["second"]?.state == .inactive)
        }
    }

    @Test func `says itself when it has started, and is killed when it falls silent`() async throws {
        try await RunningAgent.run { agent in
            let say = """
                say() { python3 -c 'import os, socket, sys
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(sys.argv[1].encode(), os.environ["NOTIFY_SOCKET"])' $1; }
                """
            var unit = Unit("quiet", commands: ["\(say)\nsleep 0.1; say READY=1; exec sleep 1000"])
            unit.tellsReady = true
            unit.watchdog = 0.5
            try await agent.put(unit)
            #expect(try await agent.control(.start, "quiet").state == .active)
            let failed = try await agent.becomes("quiet", .failed)
            #expect(failed.reason == "Its watchdog heard nothing for 0.5 s, and it was killed")

            var late = Unit("late", commands: ["exec sleep 1000"])
            late.tellsReady = true
            late.startLimit = 0.2
            try await agent.put(late)
            #expect(try await agent.control(.start, "late").reason?.contains("had not started within 0.2 s") == true)
        }
    }

    @Test func `that succeeded once is forgotten if that was wished`() async throws {
        try await RunningAgent.run { agent in
            var unit = Unit("once", .oneshot, commands: ["touch \(agent.home)/done"])
            unit.isForgottenAfterSuccess = true
            try await agent.put(unit)
            let response = try await agent.calls.call(ControlUnits.self, .init(.start, ["once"], patience: 20))
            #expect(response.units.isEmpty && Files.exists("\(agent.home)/done"))
            #expect(try await agent.list().isEmpty)
        }
    }

    @Test func `is refused when it can not be`() async throws {
        try await RunningAgent.run { agent in
            var one = Unit("one", commands: ["true"])
            one.after = ["two"]
            var two = Unit("two", commands: ["true"])
            two.after = ["one"]
            await agent.refuses([one, two], .invalidArgument)
            await agent.refuses([Unit("a/b", commands: ["true"])], .invalidArgument)
            await agent.refuses([Unit("empty", commands: [])], .invalidArgument)
            #expect(try await agent.list().isEmpty)
            let error = await #expect(throws: CallError.self) { try await agent.control(.start, "nobody") }
            #expect(error?.code == .notFound)
            var stranger = Unit("stranger", commands: ["true"])
            stranger.user = "nobody-of-that-name"
            try await agent.put(stranger)
            let failed = try await agent.control(.start, "stranger")
            #expect(failed.state == .failed && failed.reason?.contains("nobody-of-that-name") == true)
        }
    }

    @Test func `is stopped with everything when the machine is`() async throws {
        try await RunningAgent.run { agent in
            var plain = Unit("plain", commands: ["exec sleep 1000"])
            plain.isEnabled = false
            try await agent.put(Unit("kept", commands: ["exec sleep 1000"]), plain)
            _ = try await agent.control(.start, "plain")
            _ = try await agent.control(.start, "kept")
            let terminal = try await agent.terminal(TerminalOpening(line: "exec sleep 1000"))
            _ = try await agent.calls.call(HaltPrograms.self, Empty())
            #expect(try await agent.list().values.allSatisfy { $0.state == .inactive })
            try await terminal.hear { terminal.exitCode != nil }
            // With the machine start those that are to.
            _ = try await agent.calls.call(ControlUnits.self, .init(.start, patience: 20))
            #expect(try await agent.list()["kept"]?.state == .active)
            #expect(try await agent.list()["plain"]?.state == .inactive)
        }
    }
}

@Suite struct `a restart` {
    @Test(arguments: [
        (RestartRule.Policy.never, [false, false, false, false, false]),
        (.always, [true, true, true, true, true]), (.onSuccess, [true, false, false, false, false]),
        (.onFailure, [false, true, true, true, true]), (.onAbnormal, [false, false, true, true, true]),
        (.onAbort, [false, false, true, false, false]), (.onWatchdog, [false, false, false, false, true]),
    ])
    func `follows its policy`(_ policy: RestartRule.Policy, _ expected: [Bool]) {
        var rule = RestartRule()
        rule.policy = policy
        let ends: [UnitEnd] = [.status(0), .status(3), .signal(SIGSEGV), .lateStart(1), .silence(1)]
        #expect(ends.map { rule.asks(after: $0, of: .service) } == expected)
        // A service that is asked to end by a signal has succeeded; a command has not.
        #expect(UnitEnd.signal(SIGTERM).isSuccess(of: .service) && !UnitEnd.signal(SIGTERM).isSuccess(of: .oneshot))
    }

    @Test func `is counted within its interval`() {
        var rule = RestartRule()
        rule.burst = 2
        rule.interval = 10
        var history = StartHistory()
        let now = ContinuousClock.now
        let admitted = [0, 9, 9.5, 10].map { history.admit(at: now + .seconds($0), rule) }
        #expect(admitted == [true, true, false, true])
        rule.burst = 0
        for _ in 0..<100 {
            let isAdmitted = history.admit(at: now, rule)
            #expect(isAdmitted)
        }
    }
}

@Suite struct `the log of a unit` {
    @Test func `keeps the newest lines, within its bounds`() {
        let log = UnitLog()
        for number in 0..<(3 * UnitLog.countLimit) { log.add(.output, "\(number)") }
        let lines = log.read(.max, since: nil)
        #expect(lines.count == UnitLog.countLimit && lines.last?.text == "\(3 * UnitLog.countLimit - 1)")
        #expect(log.read(2, since: nil).map(\.text) == lines.suffix(2).map(\.text))
        #expect(log.read(2, since: Date() + 60).isEmpty)
        log.add(.error, String(repeating: "x", count: UnitLog.sizeLimit))
        #expect(log.read(.max, since: nil).count == 1)
    }
}

extension RunningAgent {
    fileprivate func put(_ units: Unit...) async throws {
        _ = try await calls.call(PutUnits.self, .init(units: units))
    }

    fileprivate func refuses(_ units: [Unit], _ code: CallError.Code) async {
        let error = await #expect(throws: CallError.self) { try await calls.call(PutUnits.self, .init(units: units)) }
        #expect(error?.code == code)
    }

    fileprivate func list() async throws -> [String: UnitStatus] {
        let units = try await calls.call(ListUnits.self, .init()).units
        return Dictionary(uniqueKeysWithValues: units.map { ($0.unit.name, $0) })
    }

    @discardableResult
    fileprivate func control(_ verb: ControlUnits.Verb, _ name: String) async throws -> UnitStatus {
        let response = try await calls.call(ControlUnits.self, .init(verb, [name], patience: 20))
        return try #require(response.units.first)
    }

    fileprivate func log(_ name: String, _ count: Int = 1000) async throws -> [UnitLogLine] {
        try await calls.call(ReadUnitLog.self, .init(name: name, lines: count)).lines
    }

    fileprivate func wrote(_ name: String, _ text: String) async throws {
        _ = try await retrying(every: .milliseconds(10), for: .seconds(20)) {
            try await log(name).contains { $0.text == text && $0.source == .output } ? true : nil
        }
    }

    fileprivate func becomes(_ name: String, _ state: UnitStatus.State) async throws -> UnitStatus {
        try await retrying(every: .milliseconds(10), for: .seconds(20)) {
            try await list()[name].flatMap { $0.state == state ? $0 : nil }
        }
    }
}
