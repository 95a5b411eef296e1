import Wire

/// A piece of what the agent or one of its tools said.
public enum ContentBlock: Sendable, Hashable {
    case text(String)
    case thinking(String)
    /// A tool that the agent wants to use.
    case toolUse(id: String, name: String, input: JSONValue)
    /// What a tool returned.
    case toolResult(toolUseID: String, content: JSONValue, isError: Bool)
    /// Any other block, whole: images, tools of the model's server, and what is yet to be invented.
    case unknown(JSONValue)

    /// Names a block; nothing in it can make that fail.
    public init(_ raw: JSONValue) {
        switch (raw["type"]?.string, raw["text"]?.string, raw["thinking"]?.string) {
        case ("text", let text?, _): self = .text(text)
        case ("thinking", _, let text?): self = .thinking(text)
        case ("tool_use", _, _):
            guard let id = raw["id"]?.string, let name = raw["name"]?.string else { fallthrough }
            self = .toolUse(id: id, name: name, input: raw["input"] ?? [:])
        case ("tool_result", _, _):
            guard let id = raw["tool_use_id"]?.string else { fallthrough }
            let isError = raw["is_error"]?.bool ?? false
            self = .toolResult(toolUseID: id, content: raw["content"] ?? nil, isError: isError)
        default: self = .unknown(raw)
        }
    }

    /// The blocks of a message's `content`, which may also be a plain text.
    static func list(_ content: JSONValue?) -> [ContentBlock] {
        if let text = content?.string { return [.text(text)] }
        return (content?.array ?? []).map(ContentBlock.init)
    }

    /// The text in a tool result's content, which is a string or a list of blocks.
    public static func text(of content: JSONValue) -> String {
        list(content).compactMap { if case .text(let text) = $0 { text } else { nil } }.joined(separator: "\n")
    }
}
