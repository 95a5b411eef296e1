import Arguments
import Linux
import Records
import Wire

/// `martlet env`: what makes programs of this shell find the daemon.
enum EnvCommand {
    static let command = Command(
        "env",
        summary: "Print the variables that a client needs",
        discussion: """
            The lines are for a shell to evaluate: for programs that were written for E2B, and for 'martlet' itself. A daemon \
            is started when none runs. They have the key in them.
            """,
        examples: [
            .init("eval \"$(martlet env)\"", "Let programs started from this shell reach the daemon"),
            .init("martlet env --shell fish | source", "The same in fish"),
        ],
        options: [
            .value(
                "--shell",
                "SHELL",
                "bash, zsh or fish; any POSIX shell understands the first two",
                default: "bash",
                completion: .values(Shell.allCases.map(\.rawValue))
            )
        ],
        group: "Daemon"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let shell = try invocation.choice("--shell", as: Shell.self) ?? .bash
        let daemon = try await DaemonConnection.open(surroundings)
        try await StandardStream.output.write(try variables(daemon, surroundings).text(for: shell))
        return .success
    }

    private static func variables(
        _ daemon: DaemonConnection,
        _ surroundings: Surroundings
    ) throws -> ClientVariables {
        switch daemon.address {
        case .local(let home):
            return ClientVariables(url: daemon.info.url, key: try key(home), way: .plain)
        case .network:
            let key = surroundings.variable("MARTLET_API_KEY") ?? ""
            return ClientVariables(url: daemon.address.text, key: key, way: .plain)
        }
    }

    /// The key of this installation's own programs.
    static func key(_ home: Home) throws -> String {
        String(decoding: try Files.read(home.apiKey), as: UTF8.self).filter { !$0.isWhitespace }
    }
}
