import ClaudeAgent
import GuestLink
import Linux
import RPC
import Wire

/// A session with a Claude Code in a guest.
package struct GuestSession: Sendable {
    package let program: AgentInGuest
    package let session: AgentSession

    /// Speaks with the one that waits in a guest. It ends with the session.
    package static func taking(in guest: GuestLink, _ options: AgentOptions) async throws -> GuestSession {
        try await joining(WaitingAgent.tag, in: guest, isOwn: true, options)
    }

    static func joining(
        _ tag: String,
        in guest: GuestLink,
        isOwn: Bool,
        _ options: AgentOptions = AgentOptions()
    ) async throws -> GuestSession {
        let program = try await AgentInGuest.join(tag, in: guest, isOwn: isOwn)
        return GuestSession(program: program, session: .joining(program, bounded(options)))
    }

    /// Starts one with these options, and waits until it is ready.
    ///
    /// - Throws: `AgentError` with `launchFailed` where there is no Claude Code.
    package static func starting(
        in guest: GuestLink,
        user: String,
        directory: String,
        _ options: AgentOptions
    ) async throws -> GuestSession {
        let launch = try options.launch()
        var arguments: [String] = []
        for argument in launch.arguments {
            switch argument {
            case .text(let text): arguments.append(text)
            case .file(let prefix, let contents):
                let path = "\(WaitingAgent.folder)/\(Random.hex(8))"
                try await guest.writeFile(contents, to: path, user: user)
                arguments.append(prefix + path)
            }
        }
        let command = GuestLink.Command(
            "claude",
            arguments,
            user: user,
            environment: launch.environment.filter { !launch.removedVariables.contains($0.key) },
            directory: directory
        )
        let program: AgentInGuest
        do {
            program = try await AgentInGuest.start(command, in: guest)
        } catch let error as CallError where error.code == .invalidArgument {
            throw AgentError(.launchFailed, "Claude Code could not be started", cause: error)
        }
        return GuestSession(program: program, session: try await .open(program, bounded(options)))
    }

    /// Bounds what this process bears of a guest.
    private static func bounded(_ options: AgentOptions) -> AgentOptions {
        var options = options
        // Where guests are translated, and many at once, Claude Code takes its time to start.
        options.limits.startup = .seconds(300)
        options.limits.line = 64 * 1024 * 1024
        options.limits.unread = 16 * 1024 * 1024
        return options
    }
}
