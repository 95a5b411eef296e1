import ClaudeAgent
import Sandboxes
import Wire

/// How Claude Code is to work for one round of a run.
struct AgentCommand: Sendable {
    static let server = WaitingAgent.server

    let options: RunOptions
    let session: SessionChoice
    /// The names of the MCP servers outside that it gets.
    var servers: [String] = []
    /// What is left of the run's money.
    let budgetUSD: Double?
    /// What is left of the run's turns.
    let maxTurns: Int?

    var toolName: String { "mcp__\(Self.server)__\(options.toolName)" }

    var agentOptions: AgentOptions {
        AgentOptions { agent in
            agent.session = session
            agent.systemPrompt = .claudeCode(append: Self.systemPrompt(options))
            agent.model = options.model
            agent.maxTurns = maxTurns
            agent.maxBudgetUSD = budgetUSD
            // Only what this run brings along: servers that a project's files name are not started unasked.
            agent.onlyGivenMCPServers = true
            agent.mcpServers = mcpServers
            if options.allowedTools.isEmpty {
                agent.extraArguments = ["--dangerously-skip-permissions"]
            } else {
                agent.permissionMode = .dontAsk
                agent.allowedTools =
                    options.allowedTools + (options.schema == nil ? [] : [toolName]) + servers.map { "mcp__\($0)" }
            }
            agent.disallowedTools = options.disallowedTools
            agent.environment = environment
        }
    }

    private var mcpServers: [String: MCPServer] {
        var all: [String: MCPServer] = [:]
        if options.schema != nil { all[Self.server] = .http("\(Self.gateway)/mcp") }
        for name in servers { all[name] = .http("\(Self.gateway)/mcp/\(name)") }
        return all
    }

    private var environment: [String: String] {
        Self.environment
            .merging(Self.runEnvironment) { $1 }
            .merging(options.environment) { $1 }
    }

    static let gateway = "http://127.0.0.1:\(GuestProtocol.gatewayPort)"

    /// What every agent in a sandbox needs to reach its model and nothing else.
    static let environment: [String: String] = [
        "ANTHROPIC_BASE_URL": gateway,
        "ANTHROPIC_API_KEY": GuestProtocol.placeholderKey,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_SANDBOXED": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
    ]

    /// What a run without a person needs besides: one result, tools at hand, failures that come soon.
    static let runEnvironment = WaitingAgent.environment

    /// What the agent is told besides its task.
    static func systemPrompt(_ options: RunOptions) -> String? {
        var parts: [String] = []
        if options.schema != nil {
            parts.append(
                """
                You work without a person watching; nobody can answer questions. When your work is done, hand over its result by \
                calling the tool mcp__\(server)__\(options.toolName). Only what you pass to that tool counts as your answer. \
                If the tool says that something is wrong, mend it and call it again.
                """
            )
        }
        if let own = options.systemPrompt, !own.isEmpty { parts.append(own) }
        return parts.isEmpty ? nil : parts.joined(separator: "\n\n")
    }
}
