import ClaudeAgent
import Linux
import Synchronization
import Terminals
import Wire

/// Where an agent's sandbox comes from.
public enum SandboxPlace: Sendable {
    /// A new one, which ends with the agent.
    case template(String)
    /// One that is there, and stays.
    case sandbox(Sandbox)
}

/// Runs Claude Code in a sandbox: to be given to `AgentOptions` as its transport.
public struct SandboxTransport: AgentTransport {
    public var place: SandboxPlace
    /// Who runs it; the sandbox's own user when nil.
    public var user: String?
    /// Whose sandboxes; the one that the environment names when nil.
    public var daemon: Daemon?

    public init(_ place: SandboxPlace, user: String? = nil, on daemon: Daemon? = nil) {
        self.place = place
        self.user = user
        self.daemon = daemon
    }

    /// How long a new sandbox outlives this program when it is killed.
    private static let lease = Duration.seconds(60)

    public func start(_ launch: AgentLaunch) async throws -> any AgentProcess {
        switch place {
        case .sandbox(let sandbox): return try await start(launch, in: sandbox, lease: nil)
        case .template(let template):
            let sandbox = try await Sandbox.create(template, lifetime: Self.lease, on: daemon)
            let lease = Lease(sandbox.daemon.client, sandbox: sandbox.id, length: Self.lease)
            do {
                return try await start(launch, in: sandbox, lease: lease)
            } catch {
                await lease.end()
                throw error
            }
        }
    }

    private func start(_ launch: AgentLaunch, in sandbox: Sandbox, lease: Lease?) async throws -> any AgentProcess {
        var arguments: [String] = []
        for argument in launch.arguments {
            switch argument {
            case .text(let text): arguments.append(text)
            case .file(let prefix, let contents):
                let path = "/tmp/claude-agent-\(Random.hex(8))"
                try await sandbox.files.write(contents, to: path, user: user)
                arguments.append(prefix + path)
            }
        }
        let request = ExecRequest.Open(
            id: "agent-\(Random.hex(16))",
            process: ProcessConfig(
                cmd: "claude",
                args: arguments,
                envs: launch.environment.filter { !launch.removedVariables.contains($0.key) },
                cwd: launch.workingDirectory
            ),
            // Claude Code throws its last lines away when its reader stalls: in the sandbox one reads that never does.
            spool: true,
            linger: Self.lease / .seconds(1)
        )
        return try await SandboxProcess.start(sandbox.sockets, user: user, request, lease: lease)
    }
}

extension AgentOptions {
    /// Where the agent's sandbox comes from; nil runs it elsewhere.
    public var sandbox: SandboxPlace? {
        get { (transport as? SandboxTransport)?.place }
        set { transport = newValue.map { SandboxTransport($0) } }
    }

    /// An agent in a sandbox.
    public init(sandbox: SandboxPlace, canUseTool: CanUseTool? = nil) {
        self.init()
        self.sandbox = sandbox
        self.canUseTool = canUseTool
    }
}

extension Sandbox {
    /// Has an agent in this sandbox do one thing and answer with a Swift type.
    ///
    ///     struct Findings: Codable, Sendable { var summary: String; var files: [String] }
    ///     let findings = try await sandbox.run("Review what is in ./project", returning: Findings.self).value
    public func run<Value: Decodable & Sendable>(
        _ prompt: String,
        returning type: Value.Type,
        options: AgentOptions = AgentOptions()
    ) async throws -> AgentAnswer<Value> {
        var options = options
        options.sandbox = .sandbox(self)
        return try await query(prompt, returning: type, options: options)
    }
}
