import Arguments
import Linux
import RPC
import Terminals
import Wire

/// `martlet create`, which prints the id of a new sandbox, and `martlet sandbox create`, which opens a terminal in it.
enum CreateCommand {
    /// How long a sandbox stays when the terminal it was made for is lost.
    static let lease = Duration.seconds(30)

    private static let template = Positional(
        "TEMPLATE",
        "What to make it from; 'claude' when absent",
        kind: .optional
    )

    private static let pausing = Option.flag(
        "--pause-on-timeout",
        "Pause it when its time is over, in place of ending it"
    )
    private static let idling = Option.value(
        "--pause-when-idle",
        "TIME",
        "Pause it when for so long no client was there, no command computed, and no agent waited for its model",
        default: .described("never")
    )
    private static let saving = Option.value(
        "--checkpoint",
        "TIME",
        "Save it this often while it runs: what is lost with its machine is no more than that",
        default: .described("never")
    )
    private static let resuming = Option.flag("--resume-on-traffic", "Let a request to it resume it when it is paused")

    static let plain = Command(
        "create",
        summary: "Make a sandbox and print its id",
        examples: [.init("martlet exec $(martlet create) -- uname -a", "Run a program in a new sandbox")],
        options: [
            SharedOptions.environment, SandboxOptions.metadata, SandboxOptions.volume, SandboxOptions.allow,
            SandboxOptions.deny, SandboxOptions.header, SandboxOptions.git,
            .value("--timeout", "TIME", "End it after: 90s, 10m, 1h30m", default: .described("never")),
            pausing, idling, resuming, saving, SharedOptions.output,
        ],
        arguments: [template],
        group: "Sandboxes"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let request = try request(invocation, surroundings, SandboxOptions.lifetime("--timeout", invocation))
        let daemon = try await DaemonConnection.open(surroundings)
        let sandbox = try await daemon.client.call(CreateSandbox.self, request)
        try await Output.print(sandbox, as: format) { "\(sandbox.id)\n" }
        return .success
    }

    static let terminal = Command(
        "create",
        aliases: ["cr"],
        summary: "Make a sandbox and open a terminal in it",
        discussion: """
            The sandbox ends with its shell, and soon after a terminal that is lost: while it is open, the sandbox is given \
            a little time again and again. \(SandboxOptions.detach), and the sandbox too. The status is the shell's.
            """,
        examples: [
            .init("martlet sandbox create claude", "A shell in a new sandbox"),
            .init("martlet sandbox create --detach --timeout 1h", "A sandbox for an hour, without a terminal"),
            .init(
                "martlet sandbox create -d --timeout 10m --pause-on-timeout --resume-on-traffic",
                "One that rests on disk while nobody needs it"
            ),
            .init("martlet sandbox create --volume data:/mnt/data base", "A shell that sees the volume 'data'"),
        ],
        options: [
            .flag("--detach", short: "d", "Open no terminal, print the id"),
            .value(
                "--timeout",
                "TIME",
                "End it after: 90s, 10m, 1h30m; counted from when its terminal is left or lost",
                default: .described("never; 30s after its terminal is lost")
            ), SandboxOptions.user, SandboxOptions.directory, SharedOptions.environment, SandboxOptions.metadata,
            pausing, idling, resuming, saving, SandboxOptions.volume, SandboxOptions.allow, SandboxOptions.deny,
            SandboxOptions.header, SandboxOptions.git,
        ],
        arguments: [template]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let lifetime = try SandboxOptions.lifetime("--timeout", invocation)
        if !invocation.flag("--detach") { return try await openTerminal(invocation, surroundings, lifetime) }
        let request = try request(invocation, surroundings, lifetime)
        let daemon = try await DaemonConnection.open(surroundings)
        let sandbox = try await daemon.client.call(CreateSandbox.self, request)
        try await StandardStream.output.write("\(sandbox.id)\n")
        return .success
    }

    private static func request(
        _ invocation: Invocation,
        _ surroundings: Surroundings,
        _ lifetime: Duration?
    ) throws -> CreateSandbox.Request {
        CreateSandbox.Request(
            template: invocation.value("TEMPLATE") ?? "claude",
            environment: try SharedOptions.environment(invocation, surroundings),
            metadata: try SharedOptions.pairs("--metadata", invocation),
            lifetime: lifetime.map { $0 / .seconds(1) },
            pausesOnTimeout: invocation.flag("--pause-on-timeout"),
            resumesOnTraffic: invocation.flag("--resume-on-traffic"),
            idleLimit: try SandboxOptions.lifetime("--pause-when-idle", invocation).map { $0 / .seconds(1) },
            checkpointInterval: try SandboxOptions.lifetime("--checkpoint", invocation).map { $0 / .seconds(1) },
            volumes: try SandboxOptions.volumes(invocation),
            allow: invocation.list("--allow"),
            deny: invocation.list("--deny"),
            headers: invocation.list("--header"),
            git: invocation.list("--git")
        )
    }

    private static func openTerminal(
        _ invocation: Invocation,
        _ surroundings: Surroundings,
        _ lifetime: Duration?
    ) async throws -> Status {
        try TerminalSession.needsTerminal(surroundings, instead: "'--detach' makes a sandbox without one")
        let length = lifetime ?? lease
        let request = try request(invocation, surroundings, length)
        let shell = try ShellVisit.process(invocation, surroundings)
        let daemon = try await DaemonConnection.open(surroundings)
        let sandbox = try await daemon.client.call(CreateSandbox.self, request)
        let lease = Lease(daemon.client, sandbox: sandbox.id, length: length)
        let user = invocation.value("--user")
        let sockets = daemon.sockets(daemon.client(ofSandbox: sandbox.id, user: user), of: sandbox.id)
        let visit = ShellVisit(
            daemon: daemon,
            sandbox: sandbox,
            session: TerminalSession(sockets: sockets, opening: TerminalOpening(user: user, process: shell))
        )
        let end: TerminalSession.End
        do {
            end = try await lease.held { try await visit.run() }
        } catch {
            await lease.end()
            throw error
        }
        switch end {
        case .exited(let status):
            await lease.end()
            return status
        case .detached(let pid):
            try await lease.extend(to: lifetime)
            await visit.sayDetached(pid)
            return .success
        }
    }
}
