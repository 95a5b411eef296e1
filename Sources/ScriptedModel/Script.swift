import Wire

/// What the scripted model says, step by step. `docs/scripted-model.md` describes the format.
package struct Script: Sendable {
    /// The script as it was written.
    package let document: JSONValue
    /// The model's name in answers; nil repeats the request's.
    let model: String?
    /// What a session is called when the agent asks for a title.
    let title: String
    let conversations: [Conversation]
    /// For requests of subagents.
    let subagents: [Conversation]

    /// Reads a script.
    ///
    /// - Throws: ``ScriptError`` that names the place of the first fault.
    package init(document: JSONValue) throws(ScriptError) {
        let source = Placed(value: document, place: "")
        let isShort = document["steps"] != nil
        let members = try source.members(["model", "title", "subagents"] + (isShort ? ["steps"] : ["conversations"]))
        self.document = document
        model = try members["model"]?.text()
        title = try members["title"]?.text() ?? "Scripted session"
        if let steps = members["steps"] {
            conversations = [
                Conversation(name: "script", key: "c0", condition: .always, steps: try Step.list(steps))
            ]
        } else {
            guard let list = members["conversations"] else {
                throw .malformed("", "a script needs 'steps' or 'conversations'")
            }
            conversations = try Conversation.list(list, key: "c")
            guard !conversations.isEmpty else { throw .malformed(list.place, "there is no conversation") }
        }
        subagents =
            try members["subagents"].map { (list) throws(ScriptError) in
                try Conversation.list(list, key: "a")
            } ?? []
    }

    /// Reads a script's file.
    package init(parsing bytes: some Collection<UInt8>) throws(ScriptError) {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes)
        } catch {
            throw ScriptError(.malformed, at: "", "The script is not JSON: \(error)")
        }
        try self.init(document: document)
    }

    /// The conversation that is meant for `prompt`: the first whose condition holds.
    func conversation(for prompt: String, isSubagent: Bool) throws(ScriptError) -> Conversation {
        let candidates = isSubagent ? subagents : conversations
        if let conversation = candidates.first(where: { $0.condition.holds(for: prompt) }) { return conversation }
        throw ScriptError(
            .noConversation,
            at: isSubagent ? "subagents" : "conversations",
            "No \(isSubagent ? "subagent" : "conversation") of the script is meant for a first message that begins "
                + "\(JSONValue.string(prompt).excerpt); give one of them no 'when' to take all others"
        )
    }
}

extension Script: Codable {
    package init(from decoder: any Decoder) throws {
        try self.init(document: JSONValue(from: decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        try document.encode(to: encoder)
    }
}

/// A list of steps, and which first message it is for.
struct Conversation: Sendable {
    enum Condition: Sendable {
        case always
        case contains(String)
        case matches(Pattern)

        func holds(for prompt: String) -> Bool {
            switch self {
            case .always: true
            case .contains(let text): prompt.contains(text)
            case .matches(let pattern): pattern.isFound(in: prompt)
            }
        }
    }

    let name: String
    /// Part of every id that the conversation gives out, so that ids of two conversations never meet.
    let key: String
    let condition: Condition
    let steps: [Step]

    static func list(_ source: Placed, key: String) throws(ScriptError) -> [Conversation] {
        var list: [Conversation] = []
        for (index, element) in try source.elements().enumerated() {
            let members = try element.members(["name", "when", "steps"])
            guard let steps = members["steps"] else { throw .malformed(element.place, "there are no 'steps'") }
            list.append(
                Conversation(
                    name: try members["name"]?.text() ?? element.place,
                    key: "\(key)\(index)",
                    condition: try condition(members["when"]),
                    steps: try Step.list(steps)
                )
            )
        }
        return list
    }

    private static func condition(_ source: Placed?) throws(ScriptError) -> Condition {
        guard let source else { return .always }
        if case .string(let text) = source.value { return .contains(text) }
        guard let pattern = try source.members(["pattern"])["pattern"] else {
            throw .malformed(source.place, "a text to be contained, or an object with a 'pattern', is needed here")
        }
        return .matches(try pattern.pattern())
    }

    /// The id of a tool call: the same whenever the step is played.
    func toolID(step: Int, tool: Int) -> String { "toolu_\(key)_\(step)_\(tool)" }

    /// The step that a tool call's id belongs to, if it is one of ours.
    func step(ofToolID id: String) -> Int? {
        let parts = id.split(separator: "_")
        guard parts.count == 4, parts[0] == "toolu", parts[1] == key else { return nil }
        return Int(parts[2])
    }
}
