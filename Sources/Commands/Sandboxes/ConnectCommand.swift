import Arguments
import Wire

/// `martlet sandbox connect`: a terminal in a sandbox that runs.
enum ConnectCommand {
    static let command = Command(
        "connect",
        aliases: ["cn"],
        summary: "Open a terminal in a sandbox",
        discussion: """
            A shell of its own, which ends when this terminal is closed; the sandbox goes on. \(SandboxOptions.detach). The \
            status is the shell's.
            """,
        examples: [
            .init("martlet sandbox connect i3k9", "A shell"),
            .init("martlet sandbox connect i3k9 --process 312", "Back to a shell that was left with '~.'"),
        ],
        options: [
            SandboxOptions.user, SandboxOptions.directory, SharedOptions.environment,
            .value("--process", "PID", short: "p", "Join a program that has a terminal there, instead of a new shell"),
        ],
        exclusive: [["--process", "--cwd"], ["--process", "--env"]],
        arguments: [SandboxOptions.sandbox]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        try TerminalSession.needsTerminal(surroundings, instead: "'martlet sandbox exec' runs one program")
        let shell = try TerminalSession.shell(invocation, surroundings)
        let joined = try invocation.integer("--process", in: 1...Int(UInt32.max)).map { UInt32($0) }
        let daemon = try await DaemonConnection.open(surroundings)
        let (sandbox, client) = try await SandboxOptions.reach(invocation, daemon)
        let session = TerminalSession(
            daemon: daemon,
            sandbox: sandbox,
            client: client,
            target: joined.map { .join($0) } ?? .start(shell)
        )
        switch try await session.run() {
        case .exited(let status): return status
        case .detached(let pid):
            await session.sayDetached(pid)
            return .success
        }
    }
}
