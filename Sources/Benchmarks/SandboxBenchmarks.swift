import Linux
import RPC
import Wire

/// What sandboxes promise: how soon one answers, and how many at once.
struct SandboxBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    /// From the request for a sandbox to the end of its first command, one after the other, each with a full pool.
    func create() async throws -> [Measurement] {
        var whole = Measurement(
            "create.api",
            "create, then first command answered",
            .milliseconds,
            target: 60,
            goal: 40
        )
        var creating = Measurement("create.api.create", "  of it the create", .milliseconds)
        var command = Measurement("create.api.command", "  of it the command", .milliseconds)
        var warm = Measurement("exec.api", "command in a warm sandbox", .milliseconds)
        var ending = Measurement("kill.api", "kill, until nothing is left", .milliseconds)
        let clock = ContinuousClock()
        // The first one of a daemon is nobody's everyday, and is left out.
        for round in 0...(isQuick ? 10 : 40) {
            try await daemon.awaitPool()
            let start = clock.now
            let sandbox = try await daemon.create()
            let created = clock.now
            try await daemon.run(["true"], in: sandbox)
            let answered = clock.now
            // Far enough from the first command that the pool is full again.
            try await daemon.awaitPool()
            for _ in 0..<2 { try await daemon.run(["true"], in: sandbox) }
            let idle = clock.now
            try await daemon.run(["true"], in: sandbox)
            let used = clock.now
            try await daemon.kill(sandbox)
            if round == 0 { continue }
            whole.add(answered - start)
            creating.add(created - start)
            command.add(answered - created)
            warm.add(used - idle)
            ending.add(clock.now - used)
        }
        return [whole, creating, command, warm, ending]
    }

    /// The same as two processes of the command line.
    func commandLine() async throws -> [Measurement] {
        var whole = Measurement("create.cli", "the same as 'martlet create' and 'martlet exec'", .milliseconds)
        let clock = ContinuousClock()
        for _ in 0..<(isQuick ? 5 : 20) {
            try await daemon.awaitPool()
            let start = clock.now
            let id = try await daemon.martlet("create").filter { !$0.isWhitespace }
            try await daemon.martlet("exec", id, "--", "true")
            whole.add(clock.now - start)
            try await daemon.martlet("kill", id)
        }
        return [whole]
    }

    /// Many sandboxes asked for at the same moment, with a pool of two.
    func burst() async throws -> [Measurement] {
        let count = 20
        var all = Measurement("burst.time", "\(count) sandboxes at once, until all have answered", .seconds)
        var memory = Measurement("burst.memory", "  their private memory together", .mebibytes)
        try await daemon.awaitPool()
        let clock = ContinuousClock()
        let start = clock.now
        let daemon = daemon
        let sandboxes = await withTaskGroup(of: (SandboxInfo?, Bool).self) { group in
            for _ in 0..<count {
                group.addTask {
                    guard let sandbox = try? await daemon.create() else { return (nil, false) }
                    let answer = try? await daemon.run(["echo", sandbox.id], in: sandbox)
                    return (sandbox, answer == "\(sandbox.id)\n")
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        all.add(clock.now - start)
        let answered = sandboxes.filter(\.1).count
        let running = try await daemon.client.call(ListSandboxes.self, Empty()).sandboxes.map(\.id)
        let lost = sandboxes.compactMap(\.0?.id).filter { !running.contains($0) }.count
        all.note = "\(answered) of \(count) answered, \(lost) lost"
        memory.values = [sandboxes.compactMap { $0.0.flatMap { Proc.privateMemory($0.processID) } }.reduce(0, +)]
        for sandbox in sandboxes.compactMap(\.0) { try await daemon.kill(sandbox) }
        return [all, memory]
    }
}
