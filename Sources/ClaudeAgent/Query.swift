import Wire

/// Has an agent do one thing, and gives what it says as it comes.
///
///     import ClaudeAgent
///
///     var options = AgentOptions()
///     options.workingDirectory = "/work/project"
///     options.allowedTools = ["Read", "Grep"]
///     options.canUseTool = { tool in tool.toolName == "Bash" ? .allow() : .deny("Only look, please") }
///     for try await message in query("Why do the tests fail?", options: options) {
///         if case .assistant(let message) = message { print(message.text) }
///         if case .result(let result) = message { print(result.totalCostUSD ?? 0) }
///     }
///
/// The program starts with the first message that is asked for, and ends with the last, or when the loop is left or its task is
/// cancelled. There can be several results; the last one counts.
public func query(_ prompt: AgentPrompt, options: AgentOptions = AgentOptions()) -> AgentQuery {
    AgentQuery(options: options) { session in try await session.send(prompt) }
}

/// The same with a text that is not a literal.
@_disfavoredOverload
public func query(_ prompt: String, options: AgentOptions = AgentOptions()) -> AgentQuery {
    query(AgentPrompt(prompt), options: options)
}

/// The same with prompts that come one after the other; the run ends when they have ended and all are answered.
public func query<Prompts: AsyncSequence & Sendable>(
    prompts: Prompts,
    options: AgentOptions = AgentOptions()
) -> AgentQuery where Prompts.Element == AgentPrompt {
    AgentQuery(options: options) { session in
        for try await prompt in prompts { try await session.send(prompt) }
    }
}

/// The messages of one run. Each iteration is a run of its own.
public struct AgentQuery: AsyncSequence, Sendable {
    public typealias Element = AgentMessage

    let options: AgentOptions
    let feed: @Sendable (AgentSession) async throws -> Void

    public func makeAsyncIterator() -> Iterator {
        Iterator(options: options, feed: feed)
    }

    /// Runs to the end and gives the last result.
    ///
    /// - Throws: ``AgentError`` when the program fails. A run that ends badly is a result, and does not throw.
    public func result() async throws -> ResultMessage {
        var result: ResultMessage?
        for try await message in self {
            if case .result(let message) = message { result = message }
        }
        if let result { return result }
        throw AgentError(.noResult, "The run had no prompt, so it has no result")
    }

    public final class Iterator: AsyncIteratorProtocol {
        private enum Phase {
            case waiting
            case running(AgentSession, feeding: Task<Void, any Error>, messages: AgentMessages.Iterator)
            /// Terminal.
            case over
        }

        private let options: AgentOptions
        private let feed: @Sendable (AgentSession) async throws -> Void
        private var phase = Phase.waiting

        init(options: AgentOptions, feed: @escaping @Sendable (AgentSession) async throws -> Void) {
            self.options = options
            self.feed = feed
        }

        deinit {
            // The session closes itself when nobody holds it.
            if case .running(_, let feeding, _) = phase { feeding.cancel() }
        }

        /// The next message; nil behind the last, when the program has ended.
        ///
        /// - Throws: ``AgentError`` when the program failed, also behind a result. `CancellationError` when the task was
        ///   cancelled; the program has ended then.
        public func next() async throws -> AgentMessage? {
            do {
                if case .waiting = phase { try await start() }
                guard case .running(let session, let feeding, var messages) = phase else { return nil }
                if let message = try await messages.next() {
                    phase = .running(session, feeding: feeding, messages: messages)
                    return message
                }
                phase = .over
                // A failure of the prompts' own source.
                try await feeding.value
                return nil
            } catch {
                guard case .running(let session, let feeding, _) = phase else { throw error }
                phase = .over
                feeding.cancel()
                await session.close()
                throw error
            }
        }

        private func start() async throws {
            phase = .over
            let session = try await AgentSession.open(options)
            let feed = feed
            let engine = session.engine
            let feeding = Task { [weak session] in
                do {
                    if let session { try await feed(session) }
                    engine.endWhenSettled()
                } catch {
                    // The prompts' source failed: there is nothing to wait for. A program that failed tells so itself.
                    await engine.close()
                    if error is AgentError { return }
                    throw error
                }
            }
            phase = .running(session, feeding: feeding, messages: session.messages.makeAsyncIterator())
        }
    }
}
