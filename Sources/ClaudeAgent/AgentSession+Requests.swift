import Synchronization
import Wire

extension AgentSession {
    /// Stops the turn that is under way; it ends with a result that says so.
    public func interrupt() async throws {
        try await request("interrupt")
    }

    public func setPermissionMode(_ mode: PermissionMode) async throws {
        try await request("set_permission_mode", ["mode": .string(mode.rawValue)])
    }

    /// Changes the model from the next request on; nil is the program's own choice.
    public func setModel(_ model: String?) async throws {
        try await request("set_model", ["model": model.map { .string($0) } ?? .null])
    }

    /// Changes how many tokens the model may think for; nil lifts the limit.
    public func setMaxThinkingTokens(_ count: Int?) async throws {
        try await request(
            "set_max_thinking_tokens",
            ["max_thinking_tokens": count.map { .integer(Int64($0)) } ?? .null]
        )
    }

    /// Takes files back to what they were at a prompt, with ``AgentOptions/checkpointsFiles``.
    public func rewindFiles(to promptID: String) async throws {
        try await request("rewind_files", ["user_message_id": .string(promptID)])
    }

    /// Stops a task in the background.
    public func stopTask(_ taskID: String) async throws {
        try await request("stop_task", ["task_id": .string(taskID)])
    }

    /// How the MCP servers are: `mcpServers`, each with `name` and `status`.
    public func mcpStatus() async throws -> JSONValue {
        try await request("mcp_status")
    }

    public func reconnectMCPServer(_ name: String) async throws {
        try await request("mcp_reconnect", ["serverName": .string(name)])
    }

    public func setMCPServer(_ name: String, enabled: Bool) async throws {
        try await request("mcp_toggle", ["serverName": .string(name), "enabled": .bool(enabled)])
    }

    /// What fills the model's context.
    public func contextUsage() async throws -> JSONValue {
        try await request("get_context_usage")
    }

    /// Makes any request of the control protocol, for what has no function here.
    ///
    /// - Throws: ``AgentError`` with `refused` when the program knows no such request or does not do it.
    @discardableResult
    public func request(_ subtype: String, _ members: [String: JSONValue] = [:]) async throws -> JSONValue {
        try await engine.request(subtype, members, limit: engine.options.limits.request)
    }
}

extension AgentEngine {
    /// Tells the program who is there, and learns who it is.
    func initialize() async throws -> JSONValue {
        var members: [String: JSONValue] = ["hooks": Answers(options).hookRegistrations]
        if !options.agents.isEmpty { members["agents"] = .object(options.agents.mapValues(\.json)) }
        let information: JSONValue
        do {
            information = try await request("initialize", members, limit: options.limits.startup)
        } catch let error as AgentError where error.code == .unanswered {
            throw AgentError(.startupTimedOut, "Claude Code was started and did not answer in time")
        } catch let error as AgentError where error.code == .connectionLost || error.code == .closed {
            // Why it ended says more than that it takes no input.
            throw await reasonOfEnd() ?? error
        }
        if options.hooks.contains(where: { $0.onFailure == .block }), information["hook_on_failure_supported"] != true {
            throw AgentError(
                .badOptions,
                "This Claude Code would go on when a hook fails, although the hook is to block; update it"
            )
        }
        return information
    }
}
