import Arguments
import Linux
import RPC
import Wire

/// `martlet secret`: keys and tokens that agents' work needs and agents must not have.
enum SecretCommands {
    static let command = Command(
        "secret",
        aliases: ["secrets"],
        summary: "Store keys that never enter a sandbox",
        discussion: """
            Values are sealed on this host and never given back. The secret 'anthropic' is the model's key where the daemon's \
            environment has none.
            """,
        examples: [
            .init("martlet secret set anthropic", "Type the model's key, unseen"),
            .init("pass show work/key | martlet secret set anthropic", "Take it from a pipe"),
        ],
        subcommands: [set, list, remove],
        group: "Daemon"
    )

    /// What a daemon takes, and a line end.
    private static let limit = 64 * 1024 + 2

    private static let set = Command(
        "set",
        summary: "Store a secret, or give it a new value",
        discussion: "The value comes from standard input, up to a line end at its end; at a terminal it is asked for.",
        examples: [.init("martlet secret set github < token.txt", "Take the value from a file")],
        options: [SharedOptions.output],
        arguments: [Positional("NAME", "1 to 128 letters, digits, '-', '.' and '_'")]
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let format = try SharedOptions.format(invocation)
        let name = try invocation.required("NAME")
        let value = try await value(of: name, surroundings)
        let daemon = try await DaemonConnection.open(surroundings)
        let stored = try await daemon.client.call(SetSecret.self, .init(name: name, value: value.exposed { $0 }))
        try await Output.print(stored, as: format) { "\(stored.name), version \(stored.version)\n" }
        return .success
    }

    private static func value(of name: String, _ surroundings: Surroundings) async throws -> Secret {
        let bytes =
            surroundings.inputIsTerminal
            ? try await HiddenLine.ask("Value of '\(name)': ") : try await StandardInput().readAll(limit: limit)
        guard let bytes else { throw CommandsError(.unusableInput, "The value of a secret has 65536 bytes at most") }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw CommandsError(.unusableInput, "The value of a secret is text, and this is none")
        }
        // A line end of either kind is one character.
        if text.hasSuffix("\r\n") || text.hasSuffix("\n") { text.removeLast() }
        guard !text.isEmpty else { throw CommandsError(.unusableInput, "There is no value on standard input") }
        return Secret(text)
    }

    private static let list = Command(
        "list",
        aliases: ["ls"],
        summary: "List the secrets, without their values",
        examples: [.init("martlet secret list --output json", "For a program")],
        options: [SharedOptions.output]
    ) { invocation in
        let format = try SharedOptions.format(invocation)
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        let secrets = try await daemon.client.call(ListSecrets.self, Empty()).secrets
        try await Output.print(secrets, as: format) {
            var table = Table("NAME", "VERSION", "AGE", "SET")
            for secret in secrets {
                table.add(
                    secret.name,
                    "\(secret.version)",
                    Readable.age(of: secret.created),
                    "\(Readable.age(of: secret.updated)) ago"
                )
            }
            return table.text
        }
        return .success
    }

    private static let remove = Command(
        "rm",
        aliases: ["remove", "delete"],
        summary: "Remove secrets with all their versions",
        examples: [.init("martlet secret rm github", "Forget a token")],
        arguments: [Positional("NAME", "As 'martlet secret list' shows it", kind: .repeated(isRequired: true))]
    ) { invocation in
        let daemon = try await DaemonConnection.open(Surroundings(invocation))
        return await Status.ofEach(invocation.values("NAME")) { name in
            _ = try await daemon.client.call(RemoveSecret.self, RemoveSecret.Request(name: name))
        }
    }
}
