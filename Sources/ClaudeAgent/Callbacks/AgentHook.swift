import Wire

/// Something of yours that runs at a moment of the agent's work, and may change what happens next.
public struct AgentHook: Sendable {
    /// What happens when the hook throws or takes too long.
    public enum Failure: String, Sendable {
        /// The agent goes on as if there were no hook.
        case goOn = "continue"
        /// What the hook was asked about does not happen.
        case block
    }

    public var event: HookEvent
    /// The tools it is for, such as `Write|Edit`; nil is all.
    public var matcher: String?
    public var timeout: Duration?
    public var onFailure: Failure?
    public var handle: @Sendable (HookInput) async throws -> HookOutput

    public init(
        _ event: HookEvent,
        matching matcher: String? = nil,
        timeout: Duration? = nil,
        onFailure: Failure? = nil,
        _ handle: @escaping @Sendable (HookInput) async throws -> HookOutput
    ) {
        self.event = event
        self.matcher = matcher
        self.timeout = timeout
        self.onFailure = onFailure
        self.handle = handle
    }
}

/// A moment of the agent's work. More exist than are named here.
public struct HookEvent: RawRepresentable, Sendable, Hashable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    public static let preToolUse = HookEvent(rawValue: "PreToolUse")
    public static let postToolUse = HookEvent(rawValue: "PostToolUse")
    public static let postToolUseFailure = HookEvent(rawValue: "PostToolUseFailure")
    public static let userPromptSubmit = HookEvent(rawValue: "UserPromptSubmit")
    public static let sessionStart = HookEvent(rawValue: "SessionStart")
    public static let stop = HookEvent(rawValue: "Stop")
    public static let subagentStart = HookEvent(rawValue: "SubagentStart")
    public static let subagentStop = HookEvent(rawValue: "SubagentStop")
    public static let preCompact = HookEvent(rawValue: "PreCompact")
    public static let notification = HookEvent(rawValue: "Notification")
    public static let permissionRequest = HookEvent(rawValue: "PermissionRequest")
}

/// What a hook is told.
public struct HookInput: Sendable, Hashable {
    /// As it came, with what belongs to the event alone.
    public let raw: JSONValue

    public init(raw: JSONValue) {
        self.raw = raw
    }

    public var event: HookEvent { HookEvent(rawValue: raw["hook_event_name"]?.string ?? "") }
    public var sessionID: String? { raw["session_id"]?.string }
    public var transcriptPath: String? { raw["transcript_path"]?.string }
    public var workingDirectory: String? { raw["cwd"]?.string }
    public var toolName: String? { raw["tool_name"]?.string }
    public var toolInput: JSONValue? { raw["tool_input"] }
    public var toolUseID: String? { raw["tool_use_id"]?.string }
    public var toolResponse: JSONValue? { raw["tool_response"] }
    public var prompt: String? { raw["prompt"]?.string }
}

/// What a hook answers.
public struct HookOutput: Sendable, Hashable {
    /// As the program reads it.
    public var raw: JSONValue

    public init(raw: JSONValue) {
        self.raw = raw
    }

    /// What a hook before a tool may decide.
    public enum ToolDecision: String, Sendable {
        case allow, deny, ask
        /// Ends the turn; ``ResultMessage/deferredToolUse`` then tells what waits for an answer.
        case deferred = "defer"
    }

    /// Nothing to say.
    public static let none = HookOutput(raw: [:])

    /// For ``HookEvent/preToolUse``: decides about the tool, and may change its input.
    public static func tool(_ decision: ToolDecision, _ reason: String? = nil, input: JSONValue? = nil) -> HookOutput {
        var members: [String: JSONValue] = [
            "hookEventName": "PreToolUse", "permissionDecision": .string(decision.rawValue),
        ]
        members["permissionDecisionReason"] = reason.map { .string($0) }
        members["updatedInput"] = input
        return HookOutput(raw: ["hookSpecificOutput": .object(members)])
    }

    /// Adds something that the agent reads.
    public static func context(_ text: String, for event: HookEvent) -> HookOutput {
        HookOutput(raw: [
            "hookSpecificOutput": ["hookEventName": .string(event.rawValue), "additionalContext": .string(text)]
        ])
    }

    /// Blocks what the event is about; at ``HookEvent/stop`` the agent goes on instead.
    public static func block(_ reason: String) -> HookOutput {
        HookOutput(raw: ["decision": "block", "reason": .string(reason)])
    }

    /// Ends the agent's work.
    public static func stop(_ reason: String) -> HookOutput {
        HookOutput(raw: ["continue": false, "stopReason": .string(reason)])
    }
}
