import ClaudeAgent
import Wire

/// What an agent's own messages say, taken in one at a time.
///
/// Claude Code may write several `init` and several `result` messages in one run; turns are counted per segment, its cost is
/// cumulative.
struct AgentTranscript: Sendable {
    private(set) var sessionID: String?
    private(set) var model: String?
    private(set) var toolCalls: [String: Int] = [:]
    private(set) var permissionDenials: [JSONValue] = []
    /// The last result of the round.
    private(set) var ending: ResultMessage?
    /// Dollars for the whole session so far, as the agent reckons.
    private(set) var sessionCostUSD: Double?
    /// MCP servers that the agent could not reach.
    private(set) var failedServers: [String] = []
    private var answers: Set<String> = []

    /// Model answers so far; one answer may hold several tool calls.
    var turns: Int { answers.count }

    /// Takes in one message.
    mutating func add(_ message: AgentMessage) {
        switch message {
        case .started(let start):
            sessionID = start.sessionID ?? sessionID
            model = start.model ?? model
            failedServers = start.servers.filter { $0.status == "failed" }.map(\.name)
        case .assistant(let message):
            guard !message.isSynthetic else { return }
            // One message per content block: the answer's id tells which belong together.
            if let id = message.answerID { answers.insert(id) }
            for call in message.toolCalls { toolCalls[call.name, default: 0] += 1 }
        case .result(let result):
            ending = result
            sessionID = result.sessionID ?? sessionID
            sessionCostUSD = result.totalCostUSD ?? sessionCostUSD
            permissionDenials += result.permissionDenials.map(\.raw)
        case .state, .status, .user, .partial, .task, .hook, .retry, .permissionDenied, .rateLimit, .promptState,
            .unknown:
            break
        }
    }

    /// What a message means to somebody who watches.
    enum Note: Sendable, Hashable {
        case tool(name: String, detail: String)
        case retry(String)
    }

    static func notes(on message: AgentMessage) -> [Note] {
        switch message {
        case .assistant(let message) where !message.isSynthetic:
            return message.toolCalls.map { .tool(name: $0.name, detail: detail($0.input)) }
        case .retry(let retry):
            let reason = retry.error ?? retry.status.map { "status \($0)" } ?? "no answer"
            let attempt = retry.attempt ?? 0
            return [.retry("the model did not answer (\(reason)); trying again, attempt \(attempt)")]
        case .started, .state, .status, .assistant, .user, .partial, .result, .task, .hook, .permissionDenied,
            .rateLimit,
            .promptState, .unknown:
            return []
        }
    }

    /// Begins another round of the same session.
    mutating func beginRound() {
        ending = nil
    }

    /// The one thing about a tool call that a person wants to see.
    private static func detail(_ input: JSONValue) -> String {
        for key in ["command", "file_path", "pattern", "path", "url", "description", "summary"] {
            if let text = input[key]?.string {
                return String(text.prefix { !$0.isNewline }.prefix(200))
            }
        }
        return String(input.text().prefix(200))
    }
}

extension AssistantMessage {
    /// Whether these are the program's own words about a failure, which are no turn.
    fileprivate var isSynthetic: Bool { model == "<synthetic>" }

    fileprivate var toolCalls: [(name: String, input: JSONValue)] {
        content.compactMap { block in
            guard case .toolUse(_, let name, let input) = block else { return nil }
            return (name, input)
        }
    }
}
