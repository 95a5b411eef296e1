import GuestLink
import Linux
import Machines
import QEMUMachines
import RPC
import Records
import Sandboxes
import Synchronization
import Terminals
import Wire

/// Terminals in sandboxes, as a person and as a program that writes without end.
struct TerminalBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    func all() async throws -> [Measurement] {
        let engine = try await QEMUEngine.detect(memory: daemon.home.probe)
        let template = try TemplateStore(daemon.home).template("claude")
        let bare = try await BareGuest.start(
            engine,
            template,
            in: "\(daemon.home.machines)/c\(Random.name(12))"
        )
        do {
            let measured = try await daemon.withSandbox { sandbox in
                try await daemon.awaitPool()
                let sockets = SandboxSockets(try await daemon.network().agent(of: sandbox))
                let bareSockets = SandboxSockets(bare.link.calls)
                return try await keys(sockets, bareSockets) + output(sockets, bareSockets) + many(sockets)
            }
            await bare.machine.destroy()
            return measured
        } catch {
            await bare.machine.destroy()
            throw error
        }
    }

    private static func opening(_ line: String) -> TerminalOpening {
        TerminalOpening(process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]))
    }

    /// Waits for so many bytes.
    private static func read(_ count: Int, of terminal: RemoteTerminal) async throws {
        var left = count
        while left > 0, let event = try await terminal.next() {
            if case .output(let bytes) = event { left -= bytes.count }
        }
    }

    private func keys(_ sockets: SandboxSockets, _ bare: SandboxSockets) async throws -> [Measurement] {
        var through = Measurement("terminal.key", "a key, until its echo is here", .milliseconds)
        var direct = Measurement("terminal.key.direct", "  asked of a guest without the daemon", .milliseconds)
        var added = Measurement("terminal.key.added", "  so added by the host", .milliseconds, target: 2)
        let echo = Self.opening("stty raw -echo; printf '>'; exec cat")
        let rounds = isQuick ? 50 : 200
        let times = try await RemoteTerminal.with(sockets, echo) { near in
            try await RemoteTerminal.with(bare, echo) { far in
                for terminal in [near, far] { try await Self.read(1, of: terminal) }
                var times: [(Duration, Duration)] = []
                let clock = ContinuousClock()
                for _ in 0..<rounds {
                    let start = clock.now
                    try await near.write([0x78])
                    try await Self.read(1, of: near)
                    let middle = clock.now
                    try await far.write([0x78])
                    try await Self.read(1, of: far)
                    times.append((middle - start, clock.now - middle))
                }
                return times
            }
        }
        for (near, far) in times {
            through.add(near)
            direct.add(far)
        }
        if let all = through.median, let own = direct.median { added.values = [max(0, all - own)] }
        return [through, direct, added]
    }

    private func output(_ sockets: SandboxSockets, _ bare: SandboxSockets) async throws -> [Measurement] {
        let seconds = isQuick ? 3 : 10
        var speed = Measurement("terminal.output", "'yes' at a terminal for \(seconds) s", .mebibytesPerSecond)
        var direct = Measurement("terminal.output.direct", "  of a guest without the daemon", .mebibytesPerSecond)
        var memory = Measurement(
            "terminal.output.memory",
            "  the daemon's peak above what it had before",
            .mebibytes,
            target: 8
        )
        // What a first terminal needs is not what many bytes need.
        _ = try await Self.speed(sockets, .milliseconds(200))
        Proc.forgetPeak(daemon.process)
        let before = Proc.peakMemory(daemon.process)
        speed.values = [try await Self.speed(sockets, .seconds(seconds))]
        if let before, let peak = Proc.peakMemory(daemon.process) { memory.values = [max(0, peak - before)] }
        direct.values = [try await Self.speed(bare, .seconds(seconds))]
        return [speed, direct, memory]
    }

    /// MiB in a second of what a terminal shows that has as much to show as anybody takes.
    private static func speed(_ sockets: SandboxSockets, _ time: Duration) async throws -> Double {
        try await RemoteTerminal.with(sockets, opening("exec yes")) { terminal in
            let clock = ContinuousClock()
            let end = clock.now + time
            var count = 0
            while clock.now < end, let event = try await terminal.next() {
                if case .output(let bytes) = event { count += bytes.count }
            }
            try await terminal.signal("sigkill")
            return Double(count) / 1_048_576 / (time / .seconds(1))
        }
    }

    private func many(_ sockets: SandboxSockets) async throws -> [Measurement] {
        let count = 200
        var opened = Measurement("terminal.many", "\(count) terminals, until each has echoed a key", .milliseconds)
        var again = Measurement("terminal.many.again", "  all open, until each has echoed another", .milliseconds)
        let clock = ContinuousClock()
        let start = clock.now
        let opening = Self.opening("stty raw -echo; printf '>'; exec cat")
        let meeting = Meeting(count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    try await RemoteTerminal.with(sockets, opening) { terminal in
                        try await Self.read(1, of: terminal)
                        try await terminal.write([0x78])
                        try await Self.read(1, of: terminal)
                        // None is closed before all are open.
                        try await meeting.join()
                        try await terminal.write([0x79])
                        try await Self.read(1, of: terminal)
                    }
                }
            }
            try await group.waitForAll()
        }
        guard let met = meeting.time else { return [opened, again] }
        opened.add(met - start)
        again.add(clock.now - met)
        // A session outlives its clients.
        for session in try await sockets.client.terminals() where session.state == .running {
            _ = try await sockets.client.endTerminal(String(session.sessionId))
        }
        return [opened, again]
    }
}

/// Where a number of tasks wait for each other.
private final class Meeting: Sendable {
    private let left: Mutex<Int>
    private let all = Latch<ContinuousClock.Instant>()

    init(_ count: Int) { left = Mutex(count) }

    /// When the last one came.
    var time: ContinuousClock.Instant? { all.current }

    func join() async throws {
        let isLast = left.withLock { left in
            left -= 1
            return left == 0
        }
        if isLast { all.set(.now) }
        _ = try await withDeadline(.seconds(300)) { [all] in try await all.value() }
    }
}
