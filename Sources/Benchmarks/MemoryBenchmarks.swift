import Glibc
import Linux
import Wire

/// What sandboxes and the daemon hold while they do nothing.
///
/// Private memory is what is written and shared with nobody: pages of the template are not, as soon as two machines run.
struct MemoryBenchmarks: Sendable {
    let daemon: TestedDaemon
    let isQuick: Bool

    func idle() async throws -> [Measurement] {
        var used = Measurement("memory.sandbox", "idle sandbox after one command, private", .mebibytes, target: 40)
        var waiting = Measurement("memory.waiting", "machine waiting in the pool, private", .mebibytes)
        var own = Measurement("memory.daemon", "daemon, private", .mebibytes, target: 40)
        var resident = Measurement("memory.daemon.resident", "daemon, resident", .mebibytes)
        var agent = Measurement("memory.agent", "guest agent, resident in the guest", .mebibytes, target: 10)
        var busy = Measurement("cpu.sandbox", "idle sandbox, of one core", .percent)
        var sandboxes: [SandboxInfo] = []
        for _ in 0..<4 {
            try await daemon.awaitPool()
            let sandbox = try await daemon.create()
            try await daemon.run(["true"], in: sandbox)
            sandboxes.append(sandbox)
        }
        try await daemon.awaitPool()
        let period = Duration.seconds(isQuick ? 2 : 5)
        let before = sandboxes.map { ProcessorTime.seconds(of: $0.processID) ?? 0 }
        try await EventLoop.shared.sleep(for: period)
        for (sandbox, before) in zip(sandboxes, before) {
            let time = (ProcessorTime.seconds(of: sandbox.processID) ?? 0) - before
            busy.values.append(100 * time / (period / .seconds(1)))
        }
        used.values = sandboxes.compactMap { Proc.privateMemory($0.processID) }
        waiting.values = daemon.machineProcesses().subtracting(sandboxes.map(\.processID)).compactMap(
            Proc.privateMemory
        )
        own.values = [Proc.privateMemory(daemon.process)].compactMap { $0 }
        resident.values = [Proc.residentMemory(daemon.process)].compactMap { $0 }
        for sandbox in sandboxes {
            let status = try await daemon.run(["cat", "/proc/1/status"], in: sandbox)
            if let kibibytes = Proc.kibibytes(in: status, "VmRSS:") { agent.values.append(Double(kibibytes) / 1024) }
        }
        for sandbox in sandboxes { try await daemon.kill(sandbox) }
        return [used, busy, waiting, own, resident, agent]
    }
}
