import FoundationEssentials
import GuestLink
import Linux
import Machines
import QEMUMachines
import RPC
import Records
import Sandboxes
import Terminals
import Wire

/// What it costs an agent in a sandbox to ask for a permission: one line of the protocol out of `martlet-claude`, and one in.
///
/// In the place of Claude Code is a program that gives back each line at once, so that what lies between is measured and nothing else.
struct PermissionBenchmarks: Sendable {
    private static let line = Array(
        #"""
        {"type":"control_request","request_id":"2f7b","request":{"subtype":"can_use_tool","tool_name":"Bash","input":{"command":"ls"}}}

        """#.utf8
    )
    private static let directory = "/tmp/martlet-bench"

    let daemon: TestedDaemon
    let isQuick: Bool

    private var rounds: Int { isQuick ? 50 : 200 }

    func all() async throws -> [Measurement] {
        var through = Measurement(
            "permission.round",
            "a permission by martlet-claude, asked and answered",
            .milliseconds
        )
        var local = Measurement("permission.local", "  of a program on the host", .milliseconds)
        var direct = Measurement("permission.direct", "  of a program in a guest without the daemon", .milliseconds)
        var added = Measurement("permission.added", "  so added by the host", .milliseconds, target: 5)
        let standIn = daemon.program + "-claude"
        guard Files.exists(standIn) else {
            return [.missing(through.id, through.name, "there is no martlet-claude beside martlet")]
        }
        local.values = try await rounds(of: "/bin/cat", environment: Program.plainEnvironment())
        try await daemon.withSandbox { sandbox in
            try await daemon.awaitPool()
            try await daemon.run(
                ["sh", "-c", "mkdir -p \(Self.directory) && ln -sf /bin/cat \(Self.directory)/claude"],
                in: sandbox
            )
            var environment = daemon.environment
            environment["MARTLET_SANDBOX"] = sandbox.id
            environment["PATH"] = "\(Self.directory):\(environment["PATH"] ?? "/usr/bin:/bin")"
            environment["MARTLET_CLAUDE_ENV"] = "PATH"
            through.values = try await rounds(of: standIn, environment: environment)
        }
        direct.values = try await roundsWithoutDaemon()
        if let all = through.median, let own = direct.median { added.values = [max(0, all - own)] }
        return [through, local, direct, added]
    }

    /// Milliseconds of each round; the first ones open connections, and are left out.
    private func rounds(of path: String, environment: [String: String]) async throws -> [Double] {
        let program = try PipedChild(path: path, arguments: [path], environment: environment)
        defer { program.kill() }
        return try await times { line in
            try await program.input.write(line)
            return try await program.output.read(upTo: 65_536)
        }
    }

    private func roundsWithoutDaemon() async throws -> [Double] {
        let engine = try await QEMUEngine.detect(memory: daemon.home.probe)
        let template = try TemplateStore(daemon.home).template("claude")
        let bare = try await BareGuest.start(engine, template, in: "\(daemon.home.machines)/c\(Random.name(12))")
        do {
            var open = ExecRequest.Open(id: Random.hex(16), process: ProcessConfig(cmd: "/bin/cat"))
            open.linger = 10
            let request = open
            let measured: [Double] = try await RemoteProgram.with(SandboxSockets(bare.link.calls), request) { program in
                try await times { line in
                    try await program.write(line)
                    guard case .output(_, let bytes)? = try await program.next() else { return [] }
                    return bytes
                }
            }
            await bare.machine.destroy()
            return measured
        } catch {
            await bare.machine.destroy()
            throw error
        }
    }

    private func times(_ exchange: @Sendable @escaping ([UInt8]) async throws -> [UInt8]) async throws -> [Double] {
        let rounds = rounds
        return try await withDeadline(.seconds(120)) {
            var times: [Double] = []
            let clock = ContinuousClock()
            for round in 0..<(rounds + 5) {
                let start = clock.now
                var back = try await exchange(Self.line)
                while back.last != 0x0A {
                    // Nothing more to write; the rest of the line to read.
                    let more = try await exchange([])
                    guard !more.isEmpty else { throw BenchmarkError("The program ended before it answered") }
                    back += more
                }
                if round >= 5 { times.append((clock.now - start) / .milliseconds(1)) }
            }
            return times
        }
    }
}
