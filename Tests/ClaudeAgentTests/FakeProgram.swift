import ClaudeAgent
import Linux
import Synchronization
import Testing
import Wire

/// A program that plays Claude Code as a test wants it: behind real pipes, in this process.
final class FakeProgram: AgentTransport {
    /// What the program does; when it returns, the program exits with status 0.
    private let play: @Sendable (FakeProgram) async throws -> Void
    private let input: Channel
    private let output: Channel
    private let errors: Channel
    private let process: FakeProcess
    private let lines = Mutex<(LineSplitter, [[UInt8]])>((LineSplitter(), []))
    let launch = Latch<AgentLaunch>()

    /// - Parameter keepsOutput: whether its pipes count as a spool. To this program they are one: it waits for them.
    init(keepsOutput: Bool = false, _ play: @escaping @Sendable (FakeProgram) async throws -> Void) throws {
        self.play = play
        let (stdin, stdout, stderr) = (try Descriptor.pipe(), try Descriptor.pipe(), try Descriptor.pipe())
        input = try Channel(stdin.reading)
        output = try Channel(stdout.writing)
        errors = try Channel(stderr.writing)
        process = FakeProcess(
            input: try Channel(stdin.writing),
            output: try Channel(stdout.reading),
            errors: try Channel(stderr.reading),
            keepsOutput: keepsOutput
        )
    }

    /// Options that run this program, with limits that a test has time for.
    var options: AgentOptions {
        var options = AgentOptions()
        options.transport = self
        options.limits.closing = .seconds(20)
        return options
    }

    func start(_ launch: AgentLaunch) async throws -> any AgentProcess {
        self.launch.set(launch)
        let process = process
        let task = Task {
            try? await play(self)
            if process.exited.current == nil { exit(.exited(0)) }
        }
        process.onKill.withLock { kill in
            kill = { [self] in
                task.cancel()
                exit(.signalled(9))
            }
        }
        return process
    }

    /// The signals that came, in order.
    var signals: [AgentSignal] { process.signals.withLock { $0 } }

    func waitForTermination() async throws { try await process.terminated.value() }

    /// Reads the next line; nil when the input has ended.
    func next() async throws -> JSONValue? {
        while true {
            let line: [UInt8]? = lines.withLock { $0.1.isEmpty ? nil : $0.1.removeFirst() }
            if let line { return try JSONValue(parsing: line) }
            let bytes = try await input.read()
            if bytes.isEmpty { return nil }
            lines.withLock { $0.1 += $0.0.add(bytes) }
        }
    }

    /// Answers `initialize` and reads the first prompt, whose id it returns.
    @discardableResult
    func begin(_ information: JSONValue = [:]) async throws -> String {
        let request = try #require(try await next())
        #expect(request["request"]?["subtype"] == "initialize")
        try await answer(request, information)
        return try await prompt()
    }

    @discardableResult
    func prompt() async throws -> String {
        let prompt = try #require(try await next())
        #expect(prompt["type"] == "user")
        return try #require(prompt["uuid"]?.string)
    }

    func answer(_ request: JSONValue, _ response: JSONValue) async throws {
        let id = request["request_id"] ?? nil
        try await say([
            "type": "control_response", "response": ["subtype": "success", "request_id": id, "response": response],
        ])
    }

    func say(_ message: JSONValue) async throws {
        try await write(message.encoded() + [0x0A])
    }

    func write(_ bytes: [UInt8]) async throws { try await output.write(bytes) }
    func complain(_ text: String) async throws { try await errors.write(Array(text.utf8)) }

    func state(_ state: String) async throws {
        try await say(["type": "system", "subtype": "session_state_changed", "state": .string(state)])
    }

    func result(_ text: String, to prompt: String? = nil, isError: Bool = false) async throws {
        var message: [String: JSONValue] = [
            "type": "result", "subtype": "success", "is_error": .bool(isError), "result": .string(text),
            "session_id": "s",
        ]
        if let prompt { message["user_message_uuids"] = [.string(prompt)] } else { message["origin"] = "task" }
        try await say(.object(message))
    }

    /// Asks something and gives the answer's `response`.
    func ask(_ body: JSONValue, id: String = "r1") async throws -> JSONValue {
        try await say(["type": "control_request", "request_id": .string(id), "request": body])
        let answer = try #require(try await next())
        #expect(answer["type"] == "control_response" && answer["response"]?["request_id"] == .string(id))
        return answer["response"] ?? nil
    }

    func exit(_ exit: AgentExit, closingOutput: Bool = true) {
        process.exited.set(exit)
        if closingOutput { for channel in [input, output, errors] { channel.close() } }
    }
}

private final class FakeProcess: AgentProcess {
    let signals = Mutex<[AgentSignal]>([])
    let terminated = Latch<Void>()
    let exited = Latch<AgentExit>()
    let onKill = Mutex<@Sendable () -> Void>({})
    let keepsOutput: Bool
    private let input: Channel
    private let output: Channel
    private let errors: Channel

    init(input: Channel, output: Channel, errors: Channel, keepsOutput: Bool) {
        self.keepsOutput = keepsOutput
        self.input = input
        self.output = output
        self.errors = errors
    }

    func readOutput() async throws -> [UInt8] { try await output.read() }
    func readErrors() async throws -> [UInt8] { try await errors.read() }
    func write(_ bytes: [UInt8]) async throws { try await input.write(bytes) }
    func closeInput() async throws { input.close() }
    func exit() async throws -> AgentExit { try await exited.value() }

    func send(_ signal: AgentSignal) async {
        signals.withLock { $0.append(signal) }
        if signal == .terminate { terminated.set(()) }
        if signal == .kill { onKill.withLock { $0 }() }
    }

    func release() async {
        for channel in [input, output, errors] { channel.close() }
    }
}

extension AgentQuery {
    /// All messages and, if it failed, why.
    func all() async -> (messages: [AgentMessage], error: AgentError?) {
        var messages: [AgentMessage] = []
        do {
            for try await message in self { messages.append(message) }
        } catch {
            return (messages, error as? AgentError ?? AgentError(.closed, "not an AgentError: \(error)"))
        }
        return (messages, nil)
    }
}

extension [AgentMessage] {
    var results: [String] { compactMap { if case .result(let result) = $0 { result.text } else { nil } } }
}
