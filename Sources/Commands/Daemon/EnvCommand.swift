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

            Without TLS one address serves everything, and 'get_host()' of E2B's SDKs names nothing that is there. With TLS \
            every port of a sandbox has a name of its own.
            """,
        examples: [
            .init("eval \"$(martlet env)\"", "Let programs started from this shell reach the daemon"),
            .init("eval \"$(martlet env --tls)\"", "The same by TLS, for a daemon started with 'martlet serve --tls'"),
            .init("martlet env --shell fish | source", "In fish"),
        ],
        options: [
            .flag("--tls", "Reach sandboxes by TLS and by host name"),
            .value(
                "--shell",
                "SHELL",
                "bash, zsh or fish; any POSIX shell understands the first two",
                default: "bash",
                completion: .values(Shell.allCases.map(\.rawValue))
            ),
        ],
        group: "Daemon"
    ) { invocation in
        let surroundings = try Surroundings(invocation)
        let shell = try invocation.choice("--shell", as: Shell.self) ?? .bash
        let daemon = try await DaemonConnection.open(surroundings)
        let variables = ClientVariables(
            url: daemon.address.isLocal ? daemon.info.url : daemon.address.text,
            key: try key(daemon, surroundings),
            way: invocation.flag("--tls") ? try secureWay(daemon, surroundings) : .plain
        )
        try await StandardStream.output.write(variables.text(for: shell))
        return .success
    }

    private static func key(_ daemon: DaemonConnection, _ surroundings: Surroundings) throws -> String {
        switch daemon.address {
        case .local(let home): try key(home)
        case .network: surroundings.variable("MARTLET_API_KEY") ?? ""
        }
    }

    /// The key of this installation's own programs.
    static func key(_ home: Home) throws -> String {
        String(decoding: try Files.read(home.apiKey), as: UTF8.self).filter { !$0.isWhitespace }
    }

    private static func secureWay(
        _ daemon: DaemonConnection,
        _ surroundings: Surroundings
    ) throws -> ClientVariables.Way {
        guard let domain = daemon.info.domain else {
            throw CommandsError(
                .noTLS,
                "The daemon serves no TLS; end it with 'martlet shutdown' and start it with 'martlet serve --tls'"
            )
        }
        guard let authority = daemon.info.certificateFile else { return .tls(domain: domain, trust: nil) }
        guard daemon.address.isLocal else {
            throw CommandsError(
                .noTLS,
                "The daemon's certificate authority is in '\(authority)' where it runs; copy it from there, and name it in "
                    + "SSL_CERT_FILE, with E2B_DOMAIN '\(domain)'"
            )
        }
        let trusted = try TrustFile.path(authority, surroundings.home, trusted: surroundings.variable("SSL_CERT_FILE"))
        return .tls(domain: domain, trust: .init(authority: authority, all: trusted))
    }
}
