import Wire

/// Something the agent wrote or wants to do. One answer of the model comes as one message for each of its blocks.
public struct AssistantMessage: AgentMessageContent {
    public let raw: JSONValue

    /// What it says.
    public var content: [ContentBlock] { ContentBlock.list(raw["message"]?["content"]) }
    /// All text in it.
    public var text: String {
        content.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined()
    }
    /// The id of the model's answer; the messages of one answer share it.
    public var answerID: String? { raw["message"]?["id"]?.string }
    /// The model that wrote it; `<synthetic>` for what the program itself says about a failure.
    public var model: String? { raw["message"]?["model"]?.string }
    /// What went wrong with the request to the model, such as `rate_limit`.
    public var error: String? { raw["error"]?.string }
}

/// What came back to the agent.
public struct UserMessage: AgentMessageContent {
    public let raw: JSONValue

    /// Mostly results of tools.
    public var content: [ContentBlock] { ContentBlock.list(raw["message"]?["content"]) }
    /// What a tool returned, in the tool's own form.
    public var toolUseResult: JSONValue? { raw["tool_use_result"] }
}

/// A piece of an answer that is being written.
public struct PartialMessage: AgentMessageContent {
    public let raw: JSONValue

    /// An event of the model's streaming API, as it is.
    public var event: JSONValue { raw["event"] ?? nil }
    /// The text that the event adds, if it adds any.
    public var addedText: String? { event["delta"]?["text"]?.string }
}
