import GuestLink
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
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
                let sockets = SandboxSockets(try await daemon.network().agent(of: sandbox))
                return try await keys(sockets, SandboxSockets(bare.link.calls)) + output(sockets) + many(sockets)
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

    private func output(_ sockets: SandboxSockets) async throws -> [Measurement] {
        let seconds = isQuick ? 3 : 10
        var speed = Measurement("terminal.output", "'yes' at a terminal for \(seconds) s", .mebibytesPerSecond)
        var memory = Measurement("terminal.output.memory", "  the daemon's peak above what it had before", .mebibytes)
        Proc.forgetPeak(daemon.process)
        let before = Proc.peakMemory(daemon.process)
        let count = try await RemoteTerminal.with(sockets, Self.opening("exec yes")) { terminal in
            let clock = ContinuousClock()
            let end = clock.now + .seconds(seconds)
            var count = 0
            while clock.now < end, let event = try await terminal.next() {
                if case .output(let bytes) = event { count += bytes.count }
            }
            try await terminal.signal("sigkill")
            return count
        }
        speed.values = [Double(count) / 1_048_576 / Double(seconds)]
        if let before, let peak = Proc.peakMemory(daemon.process) { memory.values = [max(0, peak - before)] }
        return [speed, memory]
    }

    private func many(_ sockets: SandboxSockets) async throws -> [Measurement] {
        let count = 200
        var opened = Measurement(
            "terminal.many",
            "\(count) terminals at once, until each has echoed a key",
            .milliseconds
        )
        let clock = ContinuousClock()
        let start = clock.now
        let opening = Self.opening("stty raw -echo; printf '>'; exec cat")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    try await RemoteTerminal.with(sockets, opening) { terminal in
                        try await Self.read(1, of: terminal)
                        try await terminal.write([0x78])
                        try await Self.read(1, of: terminal)
                        try await terminal.signal("sigkill")
                        while try await terminal.next() != nil {}
                    }
                }
            }
            try await group.waitForAll()
        }
        opened.add(clock.now - start)
        return [opened]
    }
}
