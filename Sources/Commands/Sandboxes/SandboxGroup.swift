import Arguments

/// `martlet sandbox`: every command about sandboxes under the names that E2B's command line has for them.
enum SandboxGroup {
    static let command = Command(
        "sandbox",
        aliases: ["sbx"],
        summary: "Everything about sandboxes, named as E2B's command line names it",
        examples: [
            .init("martlet sandbox create claude", "A terminal in a new sandbox"),
            .init("martlet sandbox exec i3k9 -- git -C workspace diff", "One program in one that runs"),
        ],
        subcommands: [
            CreateCommand.terminal, ConnectCommand.command, TerminalsCommand.command,
            ListCommand.command(as: "list", aliases: ["ls"]),
            ListCommand.info, ExecCommand.command(aliases: ["ex"]), LogsCommand.command(aliases: ["lg"]),
            MetricsCommand.command, NetworkCommand.command, AuditCommand.command, KillCommand.command(aliases: ["kl"]),
            TimeoutCommand.command, PauseCommands.pause, PauseCommands.resume, ForkCommand.command,
            SnapshotCommands.group,
        ],
        group: "Sandboxes"
    )

    /// Those that are used most, without `sandbox` before them.
    static let short = [
        CreateCommand.plain, ListCommand.command(as: "ls", aliases: ["list", "ps"], in: "Sandboxes"),
        ExecCommand.command(in: "Sandboxes"), KillCommand.command(in: "Sandboxes"),
        LogsCommand.command(in: "Sandboxes"),
    ]
}
