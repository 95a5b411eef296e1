import Wire

/// A turn begins.
public struct SessionStart: AgentMessageContent {
    public let raw: JSONValue

    /// An MCP server as the session sees it.
    public struct Server: Sendable, Hashable {
        public let name: String
        /// `connected`, `failed`, `pending` and others.
        public let status: String
    }

    public var workingDirectory: String? { raw["cwd"]?.string }
    public var model: String? { raw["model"]?.string }
    /// The tools that the agent has, those of MCP servers included.
    public var tools: [String] { (raw["tools"]?.array ?? []).compactMap(\.string) }
    /// The MCP servers. One that could not be reached is told here only: the run goes on without it.
    public var servers: [Server] {
        (raw["mcp_servers"]?.array ?? []).map {
            Server(name: $0["name"]?.string ?? "", status: $0["status"]?.string ?? "")
        }
    }
    public var permissionMode: PermissionMode? { raw["permissionMode"]?.string.map(PermissionMode.init) }
    /// The program's version.
    public var version: String? { raw["claude_code_version"]?.string }
    public var slashCommands: [String] { (raw["slash_commands"]?.array ?? []).compactMap(\.string) }
}

/// What the session does now.
public struct SessionState: AgentMessageContent {
    public let raw: JSONValue

    /// `running`, `idle` or `requires_action`.
    public var state: String { raw["state"]?.string ?? "" }
    /// Whether nothing more will come without another prompt.
    public var isIdle: Bool { state == "idle" }
}

/// The session does something that takes time, or its permission mode has changed.
public struct StatusMessage: AgentMessageContent {
    public let raw: JSONValue

    /// What it does, such as `requesting` or `compacting`; nil is nothing in particular.
    public var status: String? { raw["status"]?.string }
    /// The mode, when it has changed.
    public var permissionMode: PermissionMode? { raw["permissionMode"]?.string.map(PermissionMode.init) }
}

/// A task in the background: a subagent, a workflow or a shell.
public struct TaskMessage: AgentMessageContent {
    public let raw: JSONValue

    /// What there is to tell about a task.
    public enum Kind: String, Sendable, Hashable {
        case started = "task_started"
        case progress = "task_progress"
        case updated = "task_updated"
        case ended = "task_notification"
    }

    public var kind: Kind? { raw["subtype"]?.string.flatMap(Kind.init) }
    public var taskID: String? { raw["task_id"]?.string }
    /// `local_agent`, `local_workflow`, `local_bash` and others; said when it starts.
    public var taskType: String? { raw["task_type"]?.string }
    public var description: String? { raw["description"]?.string }
    /// `completed`, `failed`, `stopped` and others, when it has ended.
    public var status: String? { raw["status"]?.string ?? raw["patch"]?["status"]?.string }
    public var summary: String? { raw["summary"]?.string }
    /// The tool call that started it.
    public var toolUseID: String? { raw["tool_use_id"]?.string }
}

/// A hook of the configuration ran.
public struct HookMessage: AgentMessageContent {
    public let raw: JSONValue

    public var event: HookEvent? {
        (raw["hook_event"] ?? raw["hook_event_name"])?.string.map { HookEvent(rawValue: $0) }
    }
    public var name: String? { raw["hook_name"]?.string }
}

/// A request to the model failed and is made again.
public struct RetryMessage: AgentMessageContent {
    public let raw: JSONValue

    public var attempt: Int? { raw["attempt"]?.integer.map { Int($0) } }
    public var limit: Int? { raw["max_retries"]?.integer.map { Int($0) } }
    public var delay: Duration? { raw["retry_delay_ms"]?.milliseconds }
    public var status: Int? { raw["error_status"]?.integer.map { Int($0) } }
    public var error: String? { raw["error"]?.string }
}

/// How much of the account's rate limit is used.
public struct RateLimitMessage: AgentMessageContent {
    public let raw: JSONValue

    /// `allowed`, `allowed_warning` or `rejected`.
    public var status: String? { raw["rate_limit_info"]?["status"]?.string }
    /// Seconds since 1970 at which the limit is new.
    public var resetsAt: Double? { raw["rate_limit_info"]?["resetsAt"]?.number }
    /// The used part, from 0 to 1.
    public var utilization: Double? { raw["rate_limit_info"]?["utilization"]?.number }
}

/// A prompt was queued, started or completed.
public struct PromptState: AgentMessageContent {
    public let raw: JSONValue

    /// The prompt, by what ``AgentSession/send(_:)-(AgentPrompt)`` returned.
    public var promptID: String? { raw["command_uuid"]?.string }
    /// `queued`, `started`, `completed` and others.
    public var state: String? { raw["state"]?.string }
}
