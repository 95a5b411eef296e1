import ClaudeAgent
import GuestLink
import Linux
import Wire

/// What is said to an agent that waits, and what it answers.
extension AgentSession {
    /// Has it use up the randomness that it has in common with all copies of its machine: what it draws next is its own.
    ///
    /// Each change of its mode is told with a UUID. The last leaves it in the mode in which it was started.
    package func renewRandomness() async throws {
        // Bun draws its UUIDs from 2,048 random bytes at a time, which is 128; these were drawn before the machine was copied.
        let modes: [PermissionMode] = [.acceptEdits, .bypassPermissions]
        try await request(
            "set_permission_mode",
            each: (0..<128 * 3 / 2).map { ["mode": .string(modes[$0 % 2].rawValue)] }
        )
    }

    /// Has it forget its conversation and begin a session of its own.
    package func forget() async throws {
        let end = try await ask("/clear")
        guard end.isSuccess else {
            throw SandboxError(.startFailed, "Claude Code does not forget its conversation: \(end.raw.text())")
        }
    }

    /// Connects it to the server of the result tool.
    func offerTool() async throws { try await offer(hasTool: true, servers: []) }

    /// Connects it to the server of the result tool, and to others that the gateway leads to.
    package func offer(hasTool: Bool, servers: [String]) async throws {
        let url = "http://127.0.0.1:\(GuestProtocol.gatewayPort)/mcp"
        var offered = Dictionary(uniqueKeysWithValues: servers.map { ($0, WaitingAgent.server(at: "\(url)/\($0)")) })
        if hasTool { offered[WaitingAgent.server] = WaitingAgent.server(at: url) }
        let answer = try await request("mcp_set_servers", ["servers": .object(offered)])
        guard case .object(let errors)? = answer["errors"], errors.isEmpty else {
            throw SandboxError(.startFailed, "Claude Code does not reach its MCP servers: \(answer.text())")
        }
    }

    func withdrawTools() async throws {
        try await request("mcp_set_servers", ["servers": [:]])
    }

    /// Reads past all that it has said before, and forgets it.
    package func catchUp() async throws {
        _ = try await mcpStatus()
        forgetUnread()
    }
}
