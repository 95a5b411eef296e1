import Wire

/// How a turn ended.
///
/// That a turn ended well says the agent's program; whether it did what was asked is another question. See
/// ``permissionDenials`` for what it was not allowed to do.
public struct ResultMessage: AgentMessageContent {
    public let raw: JSONValue

    /// How it ended: `success`, or `error_` and why.
    public struct Subtype: RawRepresentable, Sendable, Hashable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let success = Subtype(rawValue: "success")
        public static let maxTurns = Subtype(rawValue: "error_max_turns")
        public static let maxBudget = Subtype(rawValue: "error_max_budget_usd")
        public static let duringExecution = Subtype(rawValue: "error_during_execution")
        public static let structuredOutputRetries = Subtype(rawValue: "error_max_structured_output_retries")
    }

    /// What the program calls the end. An API failure is a `success` with ``isError``: look at ``isSuccess``.
    public var subtype: Subtype { Subtype(rawValue: raw["subtype"]?.string ?? "") }
    /// Whether the program itself says that it failed.
    public var isError: Bool { raw["is_error"]?.bool ?? (subtype != .success) }
    /// Whether the turn ended as it should.
    public var isSuccess: Bool { subtype == .success && !isError }
    /// The agent's last words; nil where there are none, as at a limit.
    public var text: String? { raw["result"]?.string }
    /// The result that fits ``AgentOptions/resultSchema``, if the agent gave one. Prefer `query(_:returning:options:)`, which
    /// checks it.
    public var structuredOutput: JSONValue? { raw["structured_output"]?.unlessNull }
    /// What went wrong, in words.
    public var errors: [String] { (raw["errors"]?.array ?? []).compactMap(\.string) }
    /// The status with which the model's API refused.
    public var apiErrorStatus: Int? { raw["api_error_status"]?.integer.map { Int($0) } }
    /// Turns of the model since the last result.
    public var turns: Int { Int(raw["num_turns"]?.integer ?? 0) }
    /// Dollars for the **whole** session so far, as the agent reckons.
    public var totalCostUSD: Double? { raw["total_cost_usd"]?.number }
    /// Tokens since the last result, by the API's names.
    public var usage: JSONValue { raw["usage"] ?? nil }
    /// Tokens and dollars of the whole session by model.
    public var modelUsage: [String: JSONValue] { raw["modelUsage"]?.object ?? [:] }
    /// Time since the prompt.
    public var duration: Duration? { raw["duration_ms"]?.milliseconds }
    /// Why the model stopped, such as `end_turn`.
    public var stopReason: String? { raw["stop_reason"]?.string }
    /// Why the turn ended, such as `completed` or `max_turns`.
    public var terminalReason: String? { raw["terminal_reason"]?.string }
    /// What the agent wanted to do and was not allowed to. A run whose every tool was denied still "succeeds".
    public var permissionDenials: [PermissionDenial] {
        (raw["permission_denials"]?.array ?? []).map(PermissionDenial.init)
    }
    /// The tool call that a hook put off; answer it by resuming the session.
    public var deferredToolUse: JSONValue? { raw["deferred_tool_use"]?.unlessNull }
}

/// A tool that was not allowed to run.
public struct PermissionDenial: AgentMessageContent {
    public let raw: JSONValue

    public var toolName: String? { raw["tool_name"]?.string }
    public var toolUseID: String? { raw["tool_use_id"]?.string }
    public var toolInput: JSONValue? { raw["tool_input"] }
}
