import Linux
import RPC
import Wire

/// What it costs to pause a sandbox that has written 30 MiB and to resume it, through the daemon, and that of many none is lost.
struct PauseBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    func all() async throws -> [Measurement] {
        var pause = Measurement("pause.api", "pause, until all is on disk", .milliseconds, target: 150, goal: 60)
        var resume = Measurement("resume.api", "resume, until the guest answers", .milliseconds, target: 200, goal: 100)
        var command = Measurement("resume.api.command", "  a command behind it", .milliseconds)
        let clock = ContinuousClock()
        try await daemon.withSandbox { sandbox in
            try await daemon.awaitPool()
            for round in 0...(isQuick ? 5 : 15) {
                try await daemon.run(["/bin/sh", "-c", ForkBenchmarks.wrote], in: sandbox)
                let start = clock.now
                _ = try await daemon.client.call(PauseSandbox.self, .init(id: sandbox.id))
                let paused = clock.now
                _ = try await daemon.client.call(ResumeSandbox.self, .init(id: sandbox.id))
                let resumed = clock.now
                try await daemon.run(["true"], in: sandbox)
                if round == 0 { continue }
                pause.add(paused - start)
                resume.add(resumed - paused)
                command.add(clock.now - resumed)
            }
        }
        return [pause, resume, command]
    }

    /// Many that rest, resumed at the same moment and asked to run a command.
    func many() async throws -> [Measurement] {
        let count = isQuick ? 20 : 100
        var time = Measurement("resume.many", "\(count) resumed at once, until each has run 'true'", .seconds)
        var memory = Measurement("resume.many.memory", "  the private memory of one", .mebibytes, target: 40)
        var sandboxes: [SandboxInfo] = []
        for _ in 0..<count {
            let sandbox = try await daemon.create()
            sandboxes.append(sandbox)
            _ = try await daemon.client.call(PauseSandbox.self, .init(id: sandbox.id))
        }
        try await daemon.awaitPool()
        let (clock, daemon) = (ContinuousClock(), daemon)
        let start = clock.now
        let resumed = await withTaskGroup(of: SandboxInfo?.self) { group in
            for sandbox in sandboxes {
                group.addTask {
                    let answer = try? await daemon.client.call(ResumeSandbox.self, .init(id: sandbox.id))
                    guard let answer, (try? await daemon.run(["true"], in: sandbox)) != nil else { return nil }
                    return answer.sandbox
                }
            }
            return await group.reduce(into: [SandboxInfo]()) { if let sandbox = $1 { $0.append(sandbox) } }
        }
        time.add(clock.now - start)
        time.note = "\(resumed.count) of \(count) answered, \(count - resumed.count) lost"
        memory.values = resumed.compactMap { Proc.privateMemory($0.processID) }
        memory.note = "together \(Int(memory.values.reduce(0, +))) MiB"
        for sandbox in sandboxes { try await daemon.kill(sandbox) }
        return [time, memory]
    }
}
