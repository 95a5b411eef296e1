import Arguments
import Wire

/// Everything a person can type.
package enum CommandTree {
    package static let root: Command = Command(
        "martlet",
        summary: "Run coding agents headless in microVMs, and get results that fit a schema",
        discussion: """
            Commands that need the daemon start one in the background when none runs.

            Environment:
              MARTLET_HOME           where the state is (default: ~/.martlet)
              MARTLET_API_URL        a daemon elsewhere, such as http://127.0.0.1:3000
              MARTLET_API_KEY        its key, as 'martlet env' prints it there
              ANTHROPIC_API_KEY      the model's key, for the daemon; it never enters a
              ANTHROPIC_AUTH_TOKEN   sandbox. Either is read when the daemon starts;
                                     without one, 'martlet secret set anthropic' is used
              ANTHROPIC_BASE_URL     where the model is, if not at Anthropic
              NO_COLOR               no colours
            """,
        examples: [
            .init("martlet template build claude", "Make what sandboxes are made from; once"),
            .init("martlet run --dir ./project --schema findings.json \"Review this code\"", "Review a directory"),
        ],
        options: [
            .value(
                "--home",
                "DIR",
                "Where the state is",
                default: .described("~/.martlet"),
                environment: "MARTLET_HOME",
                completion: .directories,
                isGlobal: true
            )
        ],
        subcommands: [RunCommand.command, RunsCommands.command] + SandboxGroup.short + [
            SandboxGroup.command, SnapshotCommands.group, DaemonCommands.serve, DaemonCommands.shutdown,
            DaemonCommands.status,
            EnvCommand.command, KeyCommands.command, SecretCommands.command, UsageCommand.command,
            TemplateCommands.command,
            DoctorCommand.command,
            ModelCommand.command,
            ResultServerCommand.command, completions, version,
        ]
    )

    private static let completions: Command = Command(
        "completions",
        summary: "Print the completion script for a shell",
        discussion: """
             bash:  martlet completions bash > ~/.local/share/bash-completion/completions/martlet
             zsh:   martlet completions zsh > "${fpath[1]}/_martlet"
             fish:  martlet completions fish > ~/.config/fish/completions/martlet.fish
            """,
        arguments: [Positional("SHELL", "bash, zsh or fish", completion: .values(Shell.allCases.map(\.rawValue)))],
        group: "Upkeep"
    ) { invocation in
        guard let shell = try invocation.choice("SHELL", as: Shell.self) else { return .usage }
        try await StandardStream.output.write(Arguments.completions(for: root, shell: shell, program: "martlet"))
        return .success
    }

    private static let version = Command("version", summary: "Print the version", group: "Upkeep") { _ in
        try await StandardStream.output.write("martlet \(Version.current)\n")
        return .success
    }
}
