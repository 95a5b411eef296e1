import Wire

/// What Claude Code says while it works.
///
/// Nothing is ever dropped: what this library has no name for comes as ``unknown(_:)``, and every message keeps its JSON in
/// `raw`, with whatever fields have no property here.
public enum AgentMessage: Sendable, Hashable {
    /// A turn begins; the first one tells the session's id, its tools and its servers.
    case started(SessionStart)
    /// The session runs, is idle, or waits for an answer of this program.
    case state(SessionState)
    /// The session does something that takes time, or its permission mode has changed.
    case status(StatusMessage)
    /// Something the agent wrote or wants to do.
    case assistant(AssistantMessage)
    /// What came back to the agent: results of its tools, and prompts.
    case user(UserMessage)
    /// A piece of an answer that is being written, with ``AgentOptions/includesPartialMessages``.
    case partial(PartialMessage)
    /// A turn is over. It is not always the last: a background task that ends wakes the agent for another.
    case result(ResultMessage)
    /// A task in the background was started, goes on, or has ended.
    case task(TaskMessage)
    /// A hook of the configuration ran, with ``AgentOptions/includesHookEvents``.
    case hook(HookMessage)
    /// A request to the model failed and is made again.
    case retry(RetryMessage)
    /// A tool was refused without asking.
    case permissionDenied(PermissionDenial)
    /// How much of the account's rate limit is used; it comes also when all is well.
    case rateLimit(RateLimitMessage)
    /// A prompt was queued, started or completed.
    case promptState(PromptState)
    /// Any other message, whole.
    case unknown(UnknownMessage)

    /// The message as it came.
    public var raw: JSONValue { content.raw }

    /// The session that the message belongs to.
    public var sessionID: String? { content.sessionID }

    /// The message, without regard to its kind.
    public var content: any AgentMessageContent {
        switch self {
        case .started(let message): message
        case .state(let message): message
        case .status(let message): message
        case .assistant(let message): message
        case .user(let message): message
        case .partial(let message): message
        case .result(let message): message
        case .task(let message): message
        case .hook(let message): message
        case .retry(let message): message
        case .permissionDenied(let message): message
        case .rateLimit(let message): message
        case .promptState(let message): message
        case .unknown(let message): message
        }
    }

    /// Names a message; nothing in it can make that fail.
    public init(_ raw: JSONValue) {
        switch raw["type"]?.string {
        case "assistant": self = .assistant(AssistantMessage(raw: raw))
        case "user": self = .user(UserMessage(raw: raw))
        case "result": self = .result(ResultMessage(raw: raw))
        case "stream_event": self = .partial(PartialMessage(raw: raw))
        case "rate_limit_event": self = .rateLimit(RateLimitMessage(raw: raw))
        case "command_lifecycle": self = .promptState(PromptState(raw: raw))
        case "system": self = Self.system(raw)
        default: self = .unknown(UnknownMessage(raw: raw))
        }
    }

    private static func system(_ raw: JSONValue) -> AgentMessage {
        switch raw["subtype"]?.string {
        case "init": .started(SessionStart(raw: raw))
        case "session_state_changed": .state(SessionState(raw: raw))
        case "status": .status(StatusMessage(raw: raw))
        case "task_started", "task_progress", "task_updated", "task_notification": .task(TaskMessage(raw: raw))
        case "hook_started", "hook_progress", "hook_response": .hook(HookMessage(raw: raw))
        case "api_retry": .retry(RetryMessage(raw: raw))
        case "permission_denied": .permissionDenied(PermissionDenial(raw: raw))
        default: .unknown(UnknownMessage(raw: raw))
        }
    }
}

/// What all messages have: the JSON that came, of which the properties are readings.
public protocol AgentMessageContent: Sendable, Hashable {
    /// The message as it came, with fields that no property names.
    var raw: JSONValue { get }
}

extension AgentMessageContent {
    /// The session that the message belongs to.
    public var sessionID: String? { raw["session_id"]?.string }
    /// The message's own id.
    public var id: String? { raw["uuid"]?.string }
    /// The tool call whose subagent says this; nil for the main agent.
    public var parentToolUseID: String? { raw["parent_tool_use_id"]?.string }
    /// The prompts that this belongs to, by what ``AgentSession/send(_:)-(AgentPrompt)`` returned.
    public var promptIDs: [String] {
        raw["user_message_uuids"]?.array?.compactMap(\.string) ?? raw["user_message_uuid"]?.string.map { [$0] } ?? []
    }
}

/// A message without a name here. A line that was no JSON at all is its text, as a string.
public struct UnknownMessage: AgentMessageContent {
    public let raw: JSONValue

    /// The message's `type`.
    public var type: String? { raw["type"]?.string }
    /// The message's `subtype`, which messages of type `system` have.
    public var subtype: String? { raw["subtype"]?.string }
}

extension JSONValue {
    /// The number as a time; nil for what is none, or more than a thousand years.
    var milliseconds: Duration? {
        guard let number, number.magnitude < 4e13 else { return Optional.none }
        return .milliseconds(number)
    }

    /// The value, or nil for JSON's null.
    var unlessNull: JSONValue? {
        if case .null = self { return Optional.none }
        return self
    }
}
