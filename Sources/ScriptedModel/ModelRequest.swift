import Wire

/// What the scripted model reads of a Messages request; everything else is accepted and ignored.
struct ModelRequest: Sendable {
    let model: String
    let isStreaming: Bool
    let toolNames: [String]
    /// The id under which the agent's turns belong together, when no header has one.
    let userID: String?
    /// Whether this is the agent's question for a session title, which is no part of the conversation.
    let asksForTitle: Bool
    /// The text of the first message of the user, without what the agent put before it.
    let prompt: String
    let body: JSONValue
    private let assistantTurns: [Turn]
    private let toolResults: [String: String]

    private struct Turn: Sendable {
        let toolIDs: [String]
    }

    init?(_ body: JSONValue) {
        guard let model = body["model"]?.string, let messages = body["messages"]?.array else { return nil }
        self.model = model
        self.body = body
        isStreaming = body["stream"]?.bool ?? false
        toolNames = (body["tools"]?.array ?? []).compactMap { $0["name"]?.string }
        userID = body["metadata"]?["user_id"]?.string
        let format = body["output_config"]?["format"]
        let properties = format?["schema"]?["properties"]?.object
        asksForTitle = toolNames.isEmpty && properties.map { Array($0.keys) } == ["title"]

        var prompt: String?
        var turns: [Turn] = []
        var results: [String: String] = [:]
        for message in messages {
            let blocks = message["content"]?.array ?? []
            switch message["role"]?.string {
            case "assistant":
                let uses = blocks.filter { $0["type"]?.string == "tool_use" }
                turns.append(Turn(toolIDs: uses.compactMap { $0["id"]?.string }))
            case "user":
                if prompt == nil { prompt = Self.text(message["content"], isReminderSkipped: true) }
                for block in blocks where block["type"]?.string == "tool_result" {
                    if let id = block["tool_use_id"]?.string { results[id] = Self.text(block["content"]) }
                }
            default:
                break
            }
        }
        self.prompt = prompt ?? ""
        assistantTurns = turns
        toolResults = results
    }

    /// Content is a text, or a list of blocks of which some are text.
    private static func text(_ content: JSONValue?, isReminderSkipped: Bool = false) -> String {
        if let text = content?.string { return text }
        let texts = (content?.array ?? []).compactMap { $0["text"]?.string }
        guard isReminderSkipped else { return texts.joined(separator: "\n") }
        return texts.filter { text in !ownWords.contains { text.hasPrefix($0) } }.joined(separator: "\n")
    }

    /// How what Claude Code says itself begins: reminders, and commands of its own that came before. It is in blocks of its own, in
    /// the same message as the person's.
    private static let ownWords = ["<system-reminder>", "<local-command-", "<command-name>"]

    func toolResult(_ id: String) -> String? { toolResults[id] }

    /// The step that is due: the one after those that the conversation already holds.
    ///
    /// A step with tools is recognised by the ids of its calls, wherever it stands. A step without tools is any other message of
    /// the model at a time when such a step was due; at other times the message is somebody else's and counts for nothing.
    /// So the same request always gets the same step, and a resumed session goes on where it stopped.
    func stepDue(in conversation: Conversation) -> Int {
        var due = 0
        for turn in assistantTurns {
            if let step = turn.toolIDs.compactMap({ conversation.step(ofToolID: $0) }).max() {
                due = step + 1
            } else if due >= conversation.steps.count || conversation.steps[due].tools.isEmpty {
                due += 1
            }
        }
        return due
    }
}
