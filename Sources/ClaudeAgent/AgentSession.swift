import Synchronization
import Wire

/// A conversation with one running Claude Code, over any number of prompts.
///
///     try await AgentSession.with(options) { session in
///         for try await message in try await session.turn("Which tests are slow?") {
///             if case .assistant(let message) = message { print(message.text) }
///         }
///         try await session.setPermissionMode(.acceptEdits)
///         let result = try await session.ask("Make the slowest one faster")
///     }
///
/// The messages are one stream, which one task takes from at a time: through ``turn(_:)``, ``ask(_:)`` or ``messages``.
/// Everything else may be called at any time from anywhere.
public final class AgentSession: Sendable {
    let engine: AgentEngine
    /// What the program said when it started: `models`, `commands`, `account` and more.
    public let information: JSONValue

    init(_ engine: AgentEngine, information: JSONValue) {
        self.engine = engine
        self.information = information
    }

    deinit {
        let engine = engine
        // Nobody is left to wait for it.
        Task { await engine.close() }
    }

    /// Starts the program and waits until it is ready.
    ///
    /// Close the session when you have done with it. ``with(_:_:)`` does so by itself.
    ///
    /// - Throws: ``AgentError``, with the program's own words where it has said any, such as that there is no session to resume.
    public static func open(_ options: AgentOptions = AgentOptions()) async throws -> AgentSession {
        let launch = try options.launch()
        return try await open(try await options.place().start(launch), options)
    }

    /// The same with a program that was just started, with ``AgentOptions/launch()``.
    package static func open(_ process: any AgentProcess, _ options: AgentOptions) async throws -> AgentSession {
        let engine = AgentEngine(process, options)
        engine.start()
        do {
            return AgentSession(engine, information: try await engine.initialize())
        } catch {
            await engine.close()
            throw error
        }
    }

    /// Runs `body` with a new session and closes it whatever happens.
    public static func with<Result: Sendable>(
        _ options: AgentOptions = AgentOptions(),
        _ body: (AgentSession) async throws -> Result
    ) async throws -> Result {
        let session = try await open(options)
        do {
            let result = try await body(session)
            await session.close()
            return result
        } catch {
            await session.close()
            throw error
        }
    }

    /// The session's id, by which it can be resumed; nil before the program has told it.
    public var id: String? { engine.state.withLock { $0.sessionID } }

    // MARK: Prompts

    /// Sends a prompt and does not wait for what comes of it.
    ///
    /// - Returns: the prompt's id, which messages name in ``AgentMessageContent/promptIDs``.
    @discardableResult
    public func send(_ prompt: AgentPrompt) async throws -> String {
        try await engine.send(prompt).id
    }

    /// All messages until the program ends, for whoever wants to see more than turns. One task at a time.
    public var messages: AgentMessages { AgentMessages(session: self, prompts: nil) }

    /// Sends a prompt and gives the messages until everything that comes of it is over: the result, tasks in the background,
    /// and further results to which these lead.
    public func turn(_ prompt: AgentPrompt) async throws -> AgentMessages {
        AgentMessages(session: self, prompts: try await engine.send(prompt).number)
    }

    /// Sends a prompt and waits for the last result that comes of it.
    ///
    /// - Throws: ``AgentError`` when the program fails. A turn that ends badly is a result, and does not throw.
    public func ask(_ prompt: AgentPrompt) async throws -> ResultMessage {
        var result: ResultMessage?
        for try await message in try await turn(prompt) {
            if case .result(let message) = message { result = message }
        }
        if let result { return result }
        try Task.checkCancellation()
        throw AgentError(.noResult, "The session was closed before the prompt had a result")
    }

    // MARK: The end

    /// Lets the agent end what it does, then ends the program; no further prompt can be sent.
    ///
    /// - Throws: ``AgentError`` when the program fails on the way.
    public func finish() async throws {
        engine.endWhenSettled()
        _ = try await within(nil) { [engine] in try await engine.ended.value() }
        if let error = engine.state.withLock({ $0.verdict?.error }) { throw error }
    }

    /// Ends the program now, whatever it does: by the end of its input, and if it does not listen, by signals. Safe to call
    /// twice; returns when it is gone.
    public func close() async {
        await engine.close()
    }
}

/// Messages of a session as they come.
public struct AgentMessages: AsyncSequence, Sendable {
    public typealias Element = AgentMessage

    let session: AgentSession
    /// The sequence ends when the run has settled after this many prompts; nil goes on until the program ends.
    let prompts: Int?

    public func makeAsyncIterator() -> Iterator {
        Iterator(session: session, prompts: prompts)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let session: AgentSession
        let prompts: Int?
        private var hasEnded = false

        init(session: AgentSession, prompts: Int?) {
            self.session = session
            self.prompts = prompts
        }

        /// The next message; nil behind the last.
        ///
        /// - Throws: ``AgentError`` when the program failed; `CancellationError` when the task is cancelled, which loses nothing.
        public mutating func next() async throws -> AgentMessage? {
            while !hasEnded, let element = try await session.engine.queue.next() {
                switch element {
                case .message(let message): return message
                case .settled(let count): hasEnded = prompts.map { count >= $0 } ?? false
                }
            }
            hasEnded = true
            return nil
        }
    }
}
