import Glibc
import Linux
import Records
import Testing
import Wire

/// Programs in Python that use E2B's SDK, run against an installation's daemon.
struct PythonPrograms {
    /// A directory with one environment for each version of the SDK, `e2b-VERSION`; scripts/test makes it.
    private static let environments = Program.variable("MARTLET_TEST_SDKS")
    static let isPossible = Installation.isPossible && environments != nil
    static let absence: Comment = """
        E2B's SDK is not tested: set MARTLET_TEST_SDKS to a directory with environments for it, as scripts/test does
        """

    /// How a program finds the daemon and the sandboxes.
    enum Routing: String, Sendable {
        /// One URL for all; fields of the request say which sandbox.
        case headers
        /// A host name for each port of each sandbox.
        case tls
    }

    let martlet: Installation
    let version: String

    /// The interpreter of an environment of that name.
    static func interpreter(of name: String) -> String { "\(environments ?? "")/\(name)/bin/python" }

    private var python: String { Self.interpreter(of: "e2b-\(version)") }

    /// What `martlet env` tells a shell.
    func variables(_ routing: Routing) throws -> [String: String] {
        let file = try JSONValue(parsing: Files.read(martlet.home.daemonFile))
        var variables = ["E2B_API_KEY": String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)]
        switch routing {
        case .headers:
            let url = try #require(file["url"]?.string)
            variables["E2B_API_URL"] = url
            variables["E2B_SANDBOX_URL"] = url
            variables["E2B_VOLUME_API_URL"] = url
        case .tls:
            variables["E2B_DOMAIN"] = try #require(file["domain"]?.string)
            variables["SSL_CERT_FILE"] = try #require(file["certificateFile"]?.string)
        }
        return variables
    }

    /// Whether a program came to its end; that it said all it had to say is for the caller to look at.
    ///
    /// The SDK's HTTP client for `async`, pyqwest, has threads of its own. One that wants Python's lock while the interpreter
    /// ends is ended by `pthread_exit`, which Rust does not let through: the process aborts behind its last line, once in some
    /// ten times, whatever the server does.
    static func isEnd(_ status: Linux.ExitStatus) -> Bool {
        status.isSuccess || status == .signalled(SIGABRT)
    }

    /// A whole test program is many tests.
    private static let deadline = Duration.seconds(900)

    /// Runs Python to its end.
    func run(
        _ arguments: [String],
        routing: Routing = .headers,
        variables: [String: String] = [:],
        directory: String
    ) async throws -> Program.Output {
        var program = try Program(python, ["-B"] + arguments, directory: directory)
        program.environment = martlet.environment.merging(try self.variables(routing)) { _, own in own }
            .merging(variables) { _, own in own }
        return try await withDeadline(Self.deadline) { [program] in try await program.run() }
    }
}
