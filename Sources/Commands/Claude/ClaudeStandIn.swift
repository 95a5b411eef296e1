import Arguments
import Glibc
import Linux
import RPC
import Templates
import Terminals
import Wire

/// The program `martlet-claude`: stands in for `claude` wherever a program wants the path of one, and runs the real one in a
/// sandbox.
///
/// All its arguments are Claude Code's; what is its own is said by variables. Its three streams, its signals and its end are those
/// of the program in the sandbox, to the byte. A sandbox of its own ends with it, and soon after it when it is killed.
package struct ClaudeStandIn: Sendable {
    private let line: ClaudeLine
    private let surroundings: Surroundings

    /// How long a sandbox of its own outlives it when it is killed, and so does a program in another's.
    private var lease: Duration {
        let given = surroundings.variable("MARTLET_CLAUDE_LEASE").flatMap { Int($0) }
        return .seconds(min(max(given ?? 60, 1), 86_400))
    }

    /// Runs the program; the whole of a `main`.
    package static func main() -> Never {
        Tool.main { words in
            do {
                let standIn = ClaudeStandIn(line: ClaudeLine(arguments: words), surroundings: try Surroundings())
                return try await standIn.run()
            } catch let error where !(error is CancellationError) {
                if let error = error as? LinuxError, error.code == .brokenPipe { throw error }
                await StandardStream.say("\(error)")
                return .status(.execFailed)
            }
        }
    }

    private func run() async throws -> Tool.End {
        if line.asksForVersion {
            try await StandardStream.output.write("\(ClaudeCode().version) (Claude Code)\n")
            return .status(.success)
        }
        let daemon = try await DaemonConnection.open(surroundings)
        try daemon.checkModel(surroundings)
        if let id = surroundings.variable("MARTLET_SANDBOX") {
            return try await run(in: daemon.client.call(GetSandbox.self, SandboxReference(id: id)), daemon)
        }
        let request = CreateSandbox.Request(
            template: surroundings.variable("MARTLET_CLAUDE_TEMPLATE") ?? "claude",
            environment: [:],
            metadata: ["martlet-claude": String(getpid())],
            lifetime: lease / .seconds(1)
        )
        let sandbox = try await daemon.client.call(CreateSandbox.self, request)
        let lease = Lease(daemon.client, sandbox: sandbox.id, length: self.lease)
        do {
            let end = try await lease.held { try await run(in: sandbox, daemon) }
            await lease.end()
            return end
        } catch {
            await lease.end()
            throw error
        }
    }

    private func run(in sandbox: SandboxInfo, _ daemon: DaemonConnection) async throws -> Tool.End {
        let user = surroundings.variable("MARTLET_CLAUDE_USER")
        let client = daemon.client(ofSandbox: sandbox.id, user: user)
        let names = surroundings.variable("MARTLET_CLAUDE_ENV")?.split(separator: ",").map(String.init) ?? []
        let process = ProcessConfig(
            cmd: "claude",
            args: try await bringFiles(client),
            envs: ClaudeEnvironment.passed(surroundings.environment, further: names),
            cwd: surroundings.variable("MARTLET_CLAUDE_DIR")
        )
        let sockets = daemon.sockets(client, of: sandbox.id)
        do {
            if surroundings.inputIsTerminal, surroundings.outputIsTerminal, surroundings.errorIsTerminal {
                let session = TerminalSession(
                    sockets: sockets,
                    opening: TerminalOpening(user: user, process: process),
                    canDetach: false
                )
                guard case .exited(let status) = try await session.run() else { return .status(.execFailed) }
                return .status(status)
            }
            var pipes = ProgramPipes(sockets: sockets, process: process)
            pipes.spools = true
            pipes.linger = lease
            pipes.interruptsOnly = true
            let end = try await pipes.runToEnd()
            let status = await ProgramPipes.status(end)
            return end.signal.map { .signal($0) } ?? .status(status)
        } catch {
            throw try await daemon.explained(error, of: "claude", in: sandbox)
        }
    }

    /// Copies the files that arguments name into the sandbox; gives the arguments with their places there.
    private func bringFiles(_ client: CallClient) async throws -> [String] {
        var places: [(ClaudeLine.File, place: String)] = []
        for file in line.files({ Files.size($0) != nil }) {
            let place = "/tmp/martlet-claude-\(Random.hex(8))/\(file.path.split(separator: "/").last ?? "file")"
            let path = file.path
            try await client.write(try await BlockingPool.run { try Files.read(path) }, toFile: place)
            places.append((file, place))
        }
        return line.replacing(places)
    }
}
