import GuestLink
import Sandboxes
import Wire

/// How Claude Code is started for one round: print mode, events as lines, the prompt from a file on standard input.
///
/// The prompt never meets a shell: the one that opens the file gets its name as an argument and executes the agent.
struct AgentCommand: Sendable {
    /// Where Martlet keeps its files in the guest, away from the agent's working directory.
    static let directory = "/tmp/.martlet"
    static let server = WaitingAgent.server

    enum Session: Sendable, Hashable {
        case new(String)
        case resumed(String)
    }

    let options: RunOptions
    let session: Session
    let promptFile: String
    let systemPromptFile: String?
    let workingDirectory: String
    /// The names of the MCP servers outside that it gets.
    var servers: [String] = []
    /// What is left of the run's money.
    let budgetUSD: Double?
    /// What is left of the run's turns.
    let maxTurns: Int?

    var toolName: String { "mcp__\(Self.server)__\(options.toolName)" }

    var arguments: [String] {
        var arguments = ["--print", "--output-format", "stream-json", "--verbose"]
        switch session {
        case .new(let id): arguments += ["--session-id", id]
        case .resumed(let id): arguments += ["--resume", id]
        }
        if let maxTurns { arguments += ["--max-turns", "\(maxTurns)"] }
        if let budgetUSD { arguments += ["--max-budget-usd", "\(budgetUSD)"] }
        if let model = options.model { arguments += ["--model=\(model)"] }
        if let systemPromptFile { arguments += ["--append-system-prompt-file", systemPromptFile] }
        // Only what this run brings along: servers that a project's files name are not started unasked.
        arguments += ["--strict-mcp-config", "--mcp-config", mcpConfiguration]
        if options.allowedTools.isEmpty {
            arguments.append("--dangerously-skip-permissions")
        } else {
            let allowed =
                options.allowedTools + (options.schema == nil ? [] : [toolName]) + servers.map { "mcp__\($0)" }
            arguments += ["--permission-mode", "dontAsk", "--allowedTools"] + allowed
        }
        if !options.disallowedTools.isEmpty { arguments += ["--disallowedTools"] + options.disallowedTools }
        return arguments
    }

    private var mcpConfiguration: String {
        var servers: [String: JSONValue] = [:]
        if options.schema != nil {
            servers[Self.server] = WaitingAgent.server(at: "\(Self.gateway)/mcp")
        }
        for name in self.servers { servers[name] = WaitingAgent.server(at: "\(Self.gateway)/mcp/\(name)") }
        return (["mcpServers": .object(servers)] as JSONValue).text()
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

    var command: GuestLink.Command {
        var environment = Self.environment
        for (name, value) in Self.runEnvironment { environment[name] = value }
        for (name, value) in options.environment { environment[name] = value }
        var command = GuestLink.Command(
            "/bin/sh",
            ["-c", "exec claude \"$@\" < \"$0\"", promptFile] + arguments,
            environment: environment,
            directory: workingDirectory
        )
        // A reader that falls behind must not make the agent lose its last lines.
        command.spool = true
        return command
    }

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
