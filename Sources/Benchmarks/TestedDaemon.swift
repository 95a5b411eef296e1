import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Wire

/// A daemon of the benchmark's own, over its unix socket, as any client reaches it.
struct TestedDaemon: Sendable {
    let home: Home
    let program: String
    let process: Int32
    let client: CallClient
    /// What the daemon and the commands get besides what any tool inherits.
    let environment: [String: String]

    /// How many machines its pool keeps.
    static let poolSize = 2

    /// Runs `body` with a daemon that talks to the model at `modelURL`, and ends both it and its sandboxes afterwards.
    static func with<Result: Sendable>(
        program: String,
        home: Home,
        modelURL: String,
        log: String,
        _ body: (TestedDaemon) async throws -> Result
    ) async throws -> Result {
        var environment = Program.plainEnvironment()
        environment["MARTLET_HOME"] = home.path
        environment["ANTHROPIC_BASE_URL"] = modelURL
        let output = try Descriptor.open(log, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
        var spawn = Spawn(
            path: program,
            arguments: [program, "serve", "--port", "0", "--pool", "\(poolSize)"],
            environment: environment,
            input: try Descriptor.null(),
            output: output,
            error: output
        )
        spawn.startsSession = true
        let child = try ChildProcess.start(spawn)
        let daemon = TestedDaemon(
            home: home,
            program: program,
            process: child.pid,
            client: CallClient(
                http: HTTPClient { try await Channel.connect(to: .unix(home.socket)) },
                headers: ["Host": "martlet"]
            ),
            environment: environment
        )
        func end() async {
            // As Ctrl-C does: sandboxes end with it.
            child.send(SIGINT)
            _ = try? await withDeadline(.seconds(30)) { try await child.exit.value() }
            child.send(SIGKILL)
        }
        do {
            try await retrying(every: .milliseconds(20), for: .seconds(30)) {
                if child.exit.current != nil { throw BenchmarkError("The daemon ended at once; see '\(log)'") }
                return (try? await daemon.describe()) == nil ? nil : ()
            }
            let result = try await body(daemon)
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    func describe() async throws -> GetDaemon.Response {
        try await client.call(GetDaemon.self, Empty())
    }

    /// Waits until the pool is as full as it will be: what is measured next is not to compete with its filling.
    func awaitPool() async throws {
        try await retrying(every: .milliseconds(25), for: .seconds(60)) {
            // Machines wait for each template: a count of all of them says nothing about one.
            let daemon = try await describe()
            return daemon.starting == 0 && daemon.waiting ?? 0 >= Self.poolSize ? () : nil
        }
    }

    func create() async throws -> SandboxInfo {
        try await client.call(CreateSandbox.self, CreateSandbox.Request(template: "claude"))
    }

    /// Makes a sandbox for `body`, and ends it however that ends.
    func withSandbox<Result>(_ body: (SandboxInfo) async throws -> Result) async throws -> Result {
        let sandbox = try await create()
        do {
            let result = try await body(sandbox)
            try await kill(sandbox)
            return result
        } catch {
            try? await kill(sandbox)
            throw error
        }
    }

    func kill(_ sandbox: SandboxInfo) async throws {
        _ = try await client.call(KillSandbox.self, SandboxReference(id: sandbox.id))
    }

    /// A client that comes in over the network, with the key, as programs that were written for E2B do.
    func network() async throws -> NetworkClient {
        let url = try await describe().url
        guard let port = url.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            throw BenchmarkError("The daemon's address '\(url)' has no port")
        }
        let key = String(decoding: try Files.read(home.apiKey), as: UTF8.self).filter { !$0.isWhitespace }
        return NetworkClient(url: url, port: port, key: key)
    }

    /// Runs a program in a sandbox, from the request to its end, and gives what it wrote.
    @discardableResult
    func run(_ words: [String], in sandbox: SandboxInfo) async throws -> String {
        var client = client
        client.headers[SandboxHeaders.id] = sandbox.id
        client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
        return try await client.stream(StartProcess.self, .program(words)) { try await $0.outputOfSuccess() }
    }

    /// Runs `martlet` with these arguments and gives its standard output.
    @discardableResult
    func martlet(_ arguments: String..., directory: String? = nil) async throws -> String {
        var command = try Program(program, arguments, directory: directory)
        command.environment = environment
        let end = try await command.run()
        guard end.status.isSuccess else {
            throw BenchmarkError("'martlet \(arguments.joined(separator: " "))' failed: \(end.errorText.suffix(400))")
        }
        return end.text
    }

    /// The QEMU processes of this installation: each one's working directory is its machine's.
    func machineProcesses() -> Set<Int32> {
        guard let root = Files.resolved(home.machines) else { return [] }
        return Set(
            ProcessHandle.all().filter { pid in
                (Files.linkTarget("/proc/\(pid)/cwd") ?? "").hasPrefix("\(root)/")
                    && (Files.linkTarget("/proc/\(pid)/exe") ?? "").contains("qemu-system")
            }
        )
    }
}

/// A measurement that could not be made.
struct BenchmarkError: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension StartProcess.Request {
    static func program(_ words: [String]) -> StartProcess.Request {
        StartProcess.Request(
            process: ProcessConfig(cmd: words.first ?? "", args: Array(words.dropFirst())),
            stdin: false
        )
    }
}

extension MessageReader<ProcessStreamEvent> {
    /// Reads to the end of a program and gives what it wrote.
    mutating func outputOfSuccess() async throws -> String {
        var output: [UInt8] = []
        while let message = try await next() {
            if let bytes = message.event.data?.stdout { output += bytes }
            if let end = message.event.end {
                guard end.exitCode ?? 0 == 0 else { throw BenchmarkError("A program in a sandbox failed") }
                return String(decoding: output, as: UTF8.self)
            }
        }
        throw BenchmarkError("A program's stream ended before it did")
    }
}
