import Arguments
import Wire

/// `martlet sandbox connect`: a terminal in a sandbox that runs.
enum ConnectCommand {
    static let command = Command(
        "connect",
        aliases: ["cn"],
        summary: "Open a terminal in a sandbox",
        discussion: """
            A shell of its own, or COMMAND, which ends when this terminal is closed; the sandbox goes on. With a name it stays, \
            also then, and whoever connects to that name is at the same terminal. \(SandboxOptions.detach). A connection \
            that breaks is made again, and the screen comes back. The status is the program's.
            """,
        examples: [
            .init("martlet sandbox connect i3k9", "A shell"),
            .init("martlet sandbox connect i3k9 --user root -- claude", "Claude Code, to talk to"),
            .init("martlet sandbox connect --session main i3k9", "A shell that stays, or back to it"),
            .init("martlet sandbox terminals i3k9", "What there is to come back to"),
        ],
        options: [
            SandboxOptions.user, SandboxOptions.directory, SharedOptions.environment,
            .value(
                "--session",
                "NAME",
                short: "p",
                aliases: ["--process"],
                "The terminal of that name, or of that process id; a name that is new is given to a new one"
            ),
        ],
        arguments: [
            SandboxOptions.sandbox,
            Positional(
                "COMMAND",
                "The program and its arguments; a shell when absent",
                kind: .passthrough(isRequired: false)
            ),
        ]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        try TerminalSession.needsTerminal(surroundings, instead: "'martlet sandbox exec' runs one program")
        let process = try ShellVisit.process(invocation, surroundings, running: invocation.values("COMMAND"))
        let name = invocation.value("--session")
        let daemon = try await DaemonConnection.open(surroundings)
        let (sandbox, client) = try await SandboxOptions.reach(invocation, daemon)
        var opening = TerminalOpening(user: invocation.value("--user"))
        switch name {
        case let id? where UInt32(id) != nil: opening.session = id
        default: (opening.slug, opening.process) = (name, process)
        }
        let visit = ShellVisit(
            daemon: daemon,
            sandbox: sandbox,
            session: TerminalSession(
                sockets: daemon.sockets(client, of: sandbox.id),
                opening: opening,
                endsWithPerson: name == nil
            )
        )
        switch try await visit.run() {
        case .exited(let status): return status
        case .detached(let id):
            await visit.sayDetached(id)
            return .success
        }
    }
}
