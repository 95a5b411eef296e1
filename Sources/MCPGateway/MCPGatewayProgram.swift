import Glibc
import Linux
import Wire

/// The program `mcp-gateway`, as E2B's clients call it.
///
///     mcp-gateway --config JSON     starts the servers, and returns when the gateway serves them
///     mcp-gateway pull NAME…        installs servers of the catalogue
///     mcp-gateway --serve           what the first of these leaves running; the configuration comes on standard input
package enum MCPGatewayProgram {
    private static let port: UInt16 = 50_005
    private static let directory = "/etc/mcp-gateway"
    private static let tokenFile = "\(directory)/.token"
    private static let log = "/var/log/mcp-gateway.log"
    private static let tokenVariable = "GATEWAY_ACCESS_TOKEN"
    private static let usage = """
        Usage: mcp-gateway --config JSON
               mcp-gateway pull NAME…

        Serves several MCP servers as one, on port 50005 at /mcp, to whoever has the bearer token.
        The token is that of GATEWAY_ACCESS_TOKEN, or a new one; it is left in /etc/mcp-gateway/.token.

        """

    /// - Parameter arguments: those behind the program's name.
    package static func run(_ arguments: [String], version: String) async -> Int32 {
        do {
            switch (arguments.first, arguments.count) {
            case ("--config", 2): try await start(arguments[1])
            case ("pull", 2...): try await pull(Array(arguments.dropFirst()))
            case ("--serve", 1): try await serve(version)
            case ("--help", _), ("-h", _): say(usage, to: STDOUT_FILENO)
            default:
                say(usage, to: STDERR_FILENO)
                return 2
            }
            return 0
        } catch {
            say("mcp-gateway: \(error)\n", to: STDERR_FILENO)
            return 1
        }
    }

    private static func say(_ text: String, to file: Int32) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(file, bytes, bytes.count)
    }

    private static func pull(_ names: [String]) async throws {
        let catalogue = try Catalogue.standard()
        for name in names {
            guard let installation = try catalogue.installation(of: name) else { continue }
            try await installation.run(name)
            say("\(name) is installed in \(installation.directory)\n", to: STDOUT_FILENO)
        }
    }

    // MARK: Starting

    /// Starts the gateway as a process of its own, and waits for its first line: nothing but `ready`, or what is wrong.
    private static func start(_ configuration: String) async throws {
        try Files.makeDirectory(directory, mode: 0o755)
        let token = Program.variable(tokenVariable).flatMap { $0.isEmpty ? nil : $0 } ?? Random.uuid()
        try Files.write(token.utf8, to: tokenFile, mode: 0o600)
        let input = try Descriptor.pipe()
        let output = try Descriptor.pipe()
        var environment = Program.plainEnvironment()
        environment[tokenVariable] = token
        var spawn = Spawn(
            path: "/proc/self/exe",
            arguments: ["mcp-gateway", "mcp-gateway", "--serve"],
            environment: environment,
            input: input.reading,
            output: output.writing,
            error: try Descriptor.open(log, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        )
        spawn.startsSession = true
        spawn.directory = "/"
        let child = try ChildProcess.start(spawn)
        for used in [input.reading, output.writing] { used.close() }
        let feed = try Channel(input.writing)
        try await feed.write(Array(configuration.utf8))
        feed.close()
        let answers = try Channel(output.reading)
        var said: [UInt8] = []
        while said.last != 0x0A {
            let bytes = try await answers.read(upTo: 4096)
            if bytes.isEmpty { break }
            said += bytes
        }
        let line = String(decoding: said, as: UTF8.self).split(separator: "\n").first.map(String.init)
        guard line == "ready" else {
            let status = try? await child.terminate(grace: .seconds(2))
            throw ServerFailure(line ?? "The gateway ended with status \(status?.shellStatus ?? -1); see \(log)")
        }
    }

    private static func serve(_ version: String) async throws {
        do {
            guard let token = Program.variable(tokenVariable) else {
                throw ServerFailure("\(tokenVariable) is not set")
            }
            let configuration = try await readInput()
            let listener: Listener
            do throws(LinuxError) {
                listener = try Listener(.tcp("0.0.0.0", port))
            } catch {
                throw error.code == .addressInUse ? ServerFailure("A gateway runs already on port \(port)") : error
            }
            let gateway = try MCPGateway(
                configuration: configuration,
                catalogue: try Catalogue.standard(),
                token: Secret(token),
                version: version
            )
            try await gateway.run(on: listener) { say("ready\n", to: STDOUT_FILENO) }
        } catch {
            let line = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " | ")
            say("\(line)\n", to: STDOUT_FILENO)
            throw error
        }
    }

    private static func readInput() async throws -> String {
        let input = try Channel(Descriptor(owning: dup(STDIN_FILENO)))
        var all: [UInt8] = []
        while true {
            let bytes = try await input.read(upTo: 65_536)
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
            guard all.count <= ServerLimits.message else { throw ServerFailure("The configuration is too long") }
        }
    }
}
