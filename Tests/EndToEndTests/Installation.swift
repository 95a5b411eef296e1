import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Synchronization
import Testing
import Wire

/// A Martlet of its own: a home with the templates of `MARTLET_TEST_HOME`, a daemon, and the model that its agents talk to.
///
///     root/home   MARTLET_HOME; templates and images are hard links
///     root/tmp    TMPDIR of daemon and commands; must be empty at the end
///     root/logs   what daemons said
///
/// Whatever else there is after ``close()`` is something that Martlet left behind, and fails the test.
final class Installation: Sendable {
    static let templates = Program.variable("MARTLET_TEST_HOME")
    static let binary = Program.variable("MARTLET_TEST_BIN") ?? packageRoot + "/.build/release/martlet"
    static let isPossible = templates != nil && Files.exists(binary)
    static let absence: Comment = """
        The product is not tested from end to end: build it, and set MARTLET_TEST_HOME to a MARTLET_HOME with the \
        templates 'base' and 'claude', as scripts/test does
        """

    /// A credential that opens nothing; wherever it is found, a real one would be.
    static let key = "sk-ant-test-\(Random.hex(16))"
    static let slots = Slots(3)
    static let deadline = Duration.seconds(240)

    /// The installation that the tests of a suite share.
    @TaskLocal static var shared: Installation?

    static var packageRoot: String {
        String(#filePath.prefix(upTo: #filePath.range(ofLast: "/Tests/EndToEndTests/")))
    }

    let root: String
    let home: Home
    let model: Model
    private let variables: [String: String]
    private let daemon = Mutex<ChildProcess?>(nil)

    private init(model: Model, variables: [String: String]) throws {
        root = "\(Program.variable("TMPDIR") ?? "/tmp")/martlet-test-\(Random.name(10))"
        home = Home("\(root)/home")
        self.model = model
        self.variables = variables
        for directory in [home.path, "\(root)/tmp", "\(root)/logs", "\(root)/work"] {
            try Files.makeDirectory(directory)
        }
    }

    /// Calls `body` with an installation whose daemon runs, ends it, and looks for what is left.
    ///
    /// - Parameters:
    ///   - variables: of the daemon; a nil takes one away.
    ///   - templates: those that it has; machines wait for each.
    ///   - agents: whether agents wait in them; it takes a machine more, and a processor for seconds.
    ///   - arguments: those with which the daemon is started.
    ///   - starts: whether it is started before `body`.
    static func with(
        variables: [String: String?] = [:],
        templates: Set<String> = ["claude"],
        agents: Bool = false,
        arguments: [String] = ["--pool", "1"],
        starts: Bool = true,
        _ body: @Sendable @escaping (Installation) async throws -> Void
    ) async throws {
        try await Model.with { model in
            var all: [String: String?] = ["ANTHROPIC_BASE_URL": model.url, "ANTHROPIC_API_KEY": key]
            all.merge(variables) { _, given in given }
            let installation = try Installation(model: model, variables: all.compactMapValues { $0 })
            do {
                try await installation.linkTemplates(templates)
                if !agents { try installation.forgetAgents() }
                if starts { try await installation.start(arguments) }
                try await body(installation)
            } catch {
                Issue.record(error)
                await installation.sayWhatTheDaemonSaid()
            }
            await installation.close()
        }
    }

    private func linkTemplates(_ wanted: Set<String>) async throws {
        guard let templates = Self.templates else { return }
        // Hard links need one file system; where there are two, the files are copied.
        for name in ["templates", "images"] {
            let copy = try await Program("cp", ["-al", "\(templates)/\(name)", home.path]).run()
            guard copy.status.isSuccess else {
                try Files.remove("\(home.path)/\(name)")
                try await Program("cp", ["-a", "\(templates)/\(name)", home.path]).succeed()
                continue
            }
        }
        for name in Files.list("\(home.templates)/names") where !wanted.contains(name) {
            try Files.remove("\(home.templates)/names/\(name)")
        }
        if let probe = try? Files.read("\(templates)/kvm-probe.json") { try Files.write(probe, to: home.probe) }
    }

    private func forgetAgents() throws { try Files.remove("\(home.templates)/agents") }

    // MARK: The daemon

    var daemonID: Int32 { daemon.withLock { $0?.pid ?? 0 } }

    /// Starts a daemon and waits until it answers.
    func start(_ arguments: [String] = ["--pool", "1"]) async throws {
        let log = try Descriptor.open("\(root)/logs/daemon", O_WRONLY | O_CREAT | O_APPEND)
        var spawn = Spawn(
            path: Self.binary,
            arguments: ["martlet", "serve", "--port", "0"] + arguments,
            environment: environment.merging(variables) { _, given in given },
            input: try Descriptor.null(),
            output: log,
            error: log
        )
        spawn.startsSession = true
        let child = try ChildProcess.start(spawn)
        daemon.withLock { $0 = child }
        _ = try await retrying(every: .milliseconds(20), for: .seconds(120)) { [self] in
            if child.exit.current != nil { throw Unexpected("The daemon ended at once: \(daemonLog)") }
            return try? await client.call(GetDaemon.self, Empty())
        }
    }

    /// Ends the daemon by a signal and waits for its end.
    func endDaemon(_ signal: Int32) async throws {
        guard let child = daemon.withLock({ $0.take() }) else { return }
        child.send(signal)
        let status = try await withDeadline(.seconds(60)) { try await child.exit.value() }
        guard status.isSuccess || signal == SIGKILL else { throw Unexpected("The daemon ended with \(status)") }
    }

    var daemonLog: String {
        (try? String(decoding: Files.read("\(root)/logs/daemon"), as: UTF8.self)) ?? ""
    }

    private func sayWhatTheDaemonSaid() async {
        Issue.record("The daemon said: \(daemonLog.suffix(2000))")
    }

    /// Calls the daemon as the commands of this user do.
    var client: CallClient {
        let socket = home.socket
        return CallClient(
            http: HTTPClient { try await Channel.connect(to: .unix(socket)) },
            headers: ["Host": "martlet"]
        )
    }

    func sandboxes() async throws -> [SandboxInfo] {
        try await client.call(ListSandboxes.self, Empty()).sandboxes
    }

    // MARK: Commands

    /// What commands find: nothing of the environment in which the tests run.
    var environment: [String: String] {
        [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "\(root)/work",
            "MARTLET_HOME": home.path, "TMPDIR": "\(root)/tmp", "LC_ALL": "C.UTF-8",
        ]
    }

    /// Runs `martlet` to its end.
    @discardableResult
    func martlet(
        _ arguments: [String],
        input: [UInt8] = [],
        variables: [String: String] = [:],
        directory: String? = nil
    ) async throws -> Program.Output {
        var program = try Program(Self.binary, arguments, directory: directory ?? "\(root)/work", input: input)
        program.environment = environment.merging(variables) { _, given in given }
        return try await withDeadline(Self.deadline) { [program] in try await program.run() }
    }

    /// Runs `martlet` while `body` watches and disturbs it.
    func martlet<Result: Sendable>(
        live arguments: [String],
        _ body: @Sendable @escaping (LiveProgram) async throws -> Result
    ) async throws -> (output: Program.Output, result: Result) {
        try await withDeadline(Self.deadline) { [self] in
            try await LiveProgram.with(
                Self.binary,
                arguments,
                environment: environment,
                directory: "\(root)/work",
                body
            )
        }
    }

    /// The arguments of a run whose agent talks to `script`.
    func runArguments(_ script: JSONValue, _ arguments: [String], output: String = "json") throws -> [String] {
        let name = try model.add(script)
        // Told apart by a header: agents of many tests talk to one model.
        return ["run", "--output", output, "--env", "ANTHROPIC_CUSTOM_HEADERS=\(Model.header): \(name)"] + arguments
    }

    /// Runs an agent that talks to `script`.
    func run(
        _ script: JSONValue,
        _ arguments: [String] = ["Go"],
        input: [UInt8] = [],
        directory: String? = nil
    ) async throws -> FinishedRun {
        let line = try runArguments(script, arguments)
        return try await Self.slots.withPermit { [self] in
            FinishedRun(try await martlet(line, input: input, directory: directory))
        }
    }

    // MARK: Afterwards

    private func close() async {
        do {
            try await endDaemon(SIGINT)
        } catch {
            Issue.record("The daemon did not end: \(error); it said: \(daemonLog.suffix(2000))")
        }
        for leftover in Leftovers(of: self).all() { Issue.record("left behind: \(leftover)") }
        for pid in Leftovers(of: self).processes().map(\.pid) { kill(pid, SIGKILL) }
        try? Files.remove(root)
    }
}

/// A failure of the fixture itself.
struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Program {
    /// Runs a tool that has to succeed, and gives what it wrote.
    @discardableResult
    func succeed() async throws -> String {
        let output = try await run()
        guard output.status.isSuccess else { throw Unexpected("\(path) \(arguments) failed: \(output.errorText)") }
        return output.text
    }
}

extension String {
    /// Where the last occurrence of `part` begins; the end when there is none.
    func range(ofLast part: String) -> String.Index {
        var index = endIndex
        while index > startIndex {
            index = self.index(before: index)
            if self[index...].hasPrefix(part) { return index }
        }
        return endIndex
    }
}

/// Gives the tests of a suite one installation.
struct SharedInstallation: SuiteTrait, TestScoping {
    let templates: Set<String>
    let arguments: [String]

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @Sendable () async throws -> Void
    ) async throws {
        guard Installation.isPossible else { return try await function() }
        try await withoutActuallyEscaping(function) { function in
            try await Installation.with(templates: templates, arguments: arguments) { installation in
                try await Installation.$shared.withValue(installation) { try await function() }
            }
        }
    }
}

extension Trait where Self == SharedInstallation {
    static var sharedInstallation: Self { sharedInstallation(templates: ["claude"], arguments: ["--pool", "1"]) }

    /// - Parameters: as for `Installation.with`.
    static func sharedInstallation(templates: Set<String>, arguments: [String]) -> Self {
        SharedInstallation(templates: templates, arguments: arguments)
    }
}

/// The installation of the suite that a test is in.
func shared() throws -> Installation {
    try #require(Installation.shared)
}
