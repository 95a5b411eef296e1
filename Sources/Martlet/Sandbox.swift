import FoundationEssentials
import HTTP
import Linux
import RPC
import Terminals
import Wire

/// A microVM of its own for a program or an agent.
///
///     let sandbox = try await Sandbox.create("base", lifetime: .seconds(600))
///     print(try await sandbox.commands.run("uname -a").output)
///     try await sandbox.kill()
public struct Sandbox: Sendable {
    public let id: String
    let daemon: Daemon

    /// Makes a sandbox from a template.
    ///
    /// - Parameters:
    ///   - template: what it begins as: the name of a template that is built, as `claude` or `base`.
    ///   - environment: set for every program in it.
    ///   - metadata: noted about it; see ``list(on:)``.
    ///   - lifetime: after which it ends by itself; nil is never.
    ///   - daemon: who makes it; the one that the environment names when nil.
    public static func create(
        _ template: String = "claude",
        environment: [String: String] = [:],
        metadata: [String: String] = [:],
        lifetime: Duration? = nil,
        on daemon: Daemon? = nil
    ) async throws -> Sandbox {
        let daemon = try daemon ?? .current
        let request = CreateSandbox.Request(
            template: template,
            environment: environment,
            metadata: metadata,
            lifetime: lifetime.map { $0 / .seconds(1) }
        )
        return Sandbox(id: try await daemon.call(CreateSandbox.self, request).id, daemon: daemon)
    }

    /// A sandbox that runs, by its id or the beginning of it.
    public static func connect(_ id: String, on daemon: Daemon? = nil) async throws -> Sandbox {
        let daemon = try daemon ?? .current
        return Sandbox(id: try await daemon.call(GetSandbox.self, SandboxReference(id: id)).id, daemon: daemon)
    }

    /// All sandboxes that there are.
    public static func list(on daemon: Daemon? = nil) async throws -> [SandboxInfo] {
        try await (daemon ?? .current).call(ListSandboxes.self, Empty()).sandboxes
    }

    /// Makes a sandbox, calls `body` and ends the sandbox, whatever happens. It ends also soon after this program is killed.
    public static func with<Result: Sendable>(
        _ template: String = "claude",
        on daemon: Daemon? = nil,
        _ body: @Sendable @escaping (Sandbox) async throws -> Result
    ) async throws -> Result {
        let length = Duration.seconds(60)
        let sandbox = try await create(template, lifetime: length, on: daemon)
        let lease = Lease(sandbox.daemon.client, sandbox: sandbox.id, length: length)
        do {
            let result = try await lease.held { try await body(sandbox) }
            await lease.end()
            return result
        } catch {
            await lease.end()
            throw error
        }
    }

    /// What the daemon knows about it.
    public var info: SandboxInfo {
        get async throws { try await daemon.call(GetSandbox.self, SandboxReference(id: id)) }
    }

    /// Gives it that much time from now; nil is without end.
    public func setLifetime(_ lifetime: Duration?) async throws {
        let request = SetSandboxLifetime.Request(id: id, lifetime: lifetime.map { $0 / .seconds(1) })
        _ = try await daemon.call(SetSandboxLifetime.self, request)
    }

    /// Ends it, and all that is in it.
    public func kill() async throws {
        _ = try await daemon.call(KillSandbox.self, SandboxReference(id: id))
    }

    // MARK: What is in it

    /// Programs, run to their end.
    public var commands: SandboxCommands { SandboxCommands(sandbox: self) }
    /// Its file system.
    public var files: SandboxFiles { SandboxFiles(sandbox: self) }
    /// Its terminals.
    public var pty: SandboxTerminals { SandboxTerminals(sandbox: self) }
    /// Git repositories in it.
    public var git: SandboxGit { SandboxGit(commands: commands) }

    /// Reaches its agent.
    var guest: CallClient {
        var guest = daemon.client
        guest.headers[SandboxHeaders.id] = id
        guest.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
        return guest
    }

    var sockets: SandboxSockets { SandboxSockets(guest, of: id, daemon: daemon.client) }
}
