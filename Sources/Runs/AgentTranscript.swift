import FoundationEssentials
import Wire

/// What an agent's own events say, taken in one at a time.
///
/// Claude Code may write several `init` and several `result` events in one run; turns are counted per segment, its cost is
/// cumulative. A transcript without a `result` was cut, whatever the process's exit status says.
struct AgentTranscript: Sendable {
    /// The last `result` event, in the parts that matter.
    struct Ending: Sendable, Hashable {
        var subtype: String
        var isError: Bool
        var text: String
        var stopReason: String?
        var apiStatus: Int64?
        var errors: [String]
    }

    private(set) var sessionID: String?
    private(set) var model: String?
    private(set) var toolCalls: [String: Int] = [:]
    private(set) var permissionDenials: [JSONValue] = []
    private(set) var ending: Ending?
    /// Dollars for the whole session so far, as the agent reckons.
    private(set) var sessionCostUSD: Double?
    /// MCP servers that the agent could not reach.
    private(set) var failedServers: [String] = []
    private var assistantMessages: Set<String> = []

    /// Model answers so far; one answer may hold several tool calls.
    var turns: Int { assistantMessages.count }

    /// What an event means to somebody who watches.
    enum Note: Sendable, Hashable {
        case tool(name: String, detail: String)
        case retry(String)
    }

    /// Takes in one event.
    mutating func add(_ event: JSONValue) -> [Note] {
        switch event["type"]?.string {
        case "system": return addSystem(event)
        case "assistant": return addAssistant(event)
        case "result":
            addResult(event)
            return []
        default: return []
        }
    }

    private mutating func addSystem(_ event: JSONValue) -> [Note] {
        switch event["subtype"]?.string {
        case "init":
            sessionID = event["session_id"]?.string ?? sessionID
            model = event["model"]?.string ?? model
            failedServers = (event["mcp_servers"]?.array ?? [])
                .filter { $0["status"]?.string == "failed" }
                .compactMap { $0["name"]?.string }
            return []
        case "api_retry":
            let reason = event["error"]?.string ?? event["error_status"]?.integer.map { "status \($0)" } ?? "no answer"
            let attempt = event["attempt"]?.integer ?? 0
            return [.retry("the model did not answer (\(reason)); trying again, attempt \(attempt)")]
        default:
            return []
        }
    }

    private mutating func addAssistant(_ event: JSONValue) -> [Note] {
        guard let message = event["message"] else { return [] }
        // The CLI's own words about a failure come as a message of this model; they are no turn.
        if message["model"]?.string == "<synthetic>" { return [] }
        // One event per content block: the message's id tells which belong together.
        if let id = message["id"]?.string { assistantMessages.insert(id) }
        var notes: [Note] = []
        for block in message["content"]?.array ?? [] where block["type"]?.string == "tool_use" {
            let name = block["name"]?.string ?? "?"
            toolCalls[name, default: 0] += 1
            notes.append(.tool(name: name, detail: Self.detail(block["input"] ?? .null)))
        }
        return notes
    }

    private mutating func addResult(_ event: JSONValue) {
        ending = Ending(
            subtype: event["subtype"]?.string ?? "",
            isError: event["is_error"]?.bool ?? false,
            text: event["result"]?.string ?? "",
            stopReason: event["stop_reason"]?.string,
            apiStatus: event["api_error_status"]?.integer,
            errors: (event["errors"]?.array ?? []).compactMap(\.string)
        )
        sessionID = event["session_id"]?.string ?? sessionID
        sessionCostUSD = event["total_cost_usd"]?.number ?? sessionCostUSD
        permissionDenials += event["permission_denials"]?.array ?? []
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
