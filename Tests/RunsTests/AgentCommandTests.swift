import ClaudeAgent
import FoundationEssentials
import GuestLink
import Testing
import Wire

@testable import Runs

@Suite struct `the agent's command` {
    private func command(
        session: SessionChoice = .named("11111111-1111-4111-8111-111111111111"),
        budget: Double? = nil,
        turns: Int? = nil,
        _ set: (inout RunOptions) -> Void = { _ in }
    ) -> AgentCommand {
        var options = RunOptions(prompt: Data("Go".utf8))
        set(&options)
        return AgentCommand(options: options, session: session, budgetUSD: budget, maxTurns: turns)
    }

    /// Its arguments, with the contents of files in place of their names.
    private func arguments(_ command: AgentCommand) throws -> [String] {
        try command.agentOptions.launch().arguments.map { argument in
            switch argument {
            case .text(let text): text
            case .file(let prefix, let contents): prefix + String(decoding: contents, as: UTF8.self)
            }
        }
    }

    private func value(of option: String, in arguments: [String]) -> String? {
        arguments.first { $0.hasPrefix("--\(option)=") }.map { String($0.dropFirst(option.count + 3)) }
    }

    @Test func `talks in events and asks nobody`() throws {
        let arguments = try arguments(command())
        #expect(arguments.prefix(3) == ["--output-format=stream-json", "--verbose", "--input-format=stream-json"])
        #expect(arguments.contains("--dangerously-skip-permissions"))
        #expect(arguments.contains("--strict-mcp-config"))
        for absent in ["mcp-config", "max-turns", "max-budget-usd", "append-system-prompt", "system-prompt", "resume"] {
            #expect(value(of: absent, in: arguments) == nil, "\(absent)")
        }
        #expect(!arguments.contains { $0.contains("permission-prompt") })
    }

    @Test func `names a new session or resumes one`() throws {
        #expect(value(of: "session-id", in: try arguments(command(session: .named("n")))) == "n")
        let resumed = try arguments(command(session: .resumed("r")))
        #expect(value(of: "resume", in: resumed) == "r")
        // A session's id can be given to a new session only.
        #expect(value(of: "session-id", in: resumed) == nil)
    }

    @Test func `carries the limits, the model and the system prompt`() throws {
        let arguments = try arguments(
            command(budget: 0.25, turns: 7) {
                $0.model = "-odd"
                $0.systemPrompt = "Be brief."
            }
        )
        #expect(value(of: "max-turns", in: arguments) == "7")
        #expect(value(of: "max-budget-usd", in: arguments) == "0.25")
        #expect(value(of: "append-system-prompt", in: arguments) == "Be brief.")
        #expect(value(of: "model", in: arguments) == "-odd")
    }

    @Test func `registers the result tool when there is a schema`() throws {
        let command = command {
            $0.schema = ["type": "object"]
            $0.toolName = "hand_in"
        }
        let text = try #require(value(of: "mcp-config", in: try arguments(command)))
        let configuration = try JSONValue(parsing: text)
        #expect(configuration["mcpServers"]?["martlet"]?["type"] == "http")
        #expect(configuration["mcpServers"]?["martlet"]?["url"] == "http://127.0.0.1:49984/mcp")
        #expect(command.toolName == "mcp__martlet__hand_in")
    }

    @Test func `allows only the tools that were named, and the result tool`() throws {
        let arguments = try arguments(
            command {
                $0.schema = ["type": "object"]
                $0.allowedTools = ["Read", "Bash(git log:*)"]
            }
        )
        #expect(!arguments.contains("--dangerously-skip-permissions"))
        #expect(value(of: "permission-mode", in: arguments) == "dontAsk")
        #expect(value(of: "allowedTools", in: arguments) == "Read,Bash(git log:*),mcp__martlet__submit_result")
        #expect(value(of: "disallowedTools", in: arguments) == "Task,TodoWrite")
    }

    @Test func `holds no credential, and lets the caller's variables win`() throws {
        let command = command { $0.environment = ["CLAUDE_CODE_MAX_RETRIES": "0", "OWN": "x"] }
        let environment = try command.agentOptions.launch().environment
        #expect(environment["ANTHROPIC_API_KEY"] == GuestProtocol.placeholderKey)
        #expect(environment["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:49984")
        #expect(environment["CLAUDE_CODE_MAX_RETRIES"] == "0")
        #expect(environment["OWN"] == "x")
    }

    @Test func `tells the agent about the tool, then what the caller says`() {
        var options = RunOptions(prompt: Data("Go".utf8))
        #expect(AgentCommand.systemPrompt(options) == nil)
        options.systemPrompt = "Be brief."
        #expect(AgentCommand.systemPrompt(options) == "Be brief.")
        options.schema = ["type": "object"]
        options.toolName = "hand_in"
        let text = AgentCommand.systemPrompt(options) ?? ""
        #expect(text.contains("mcp__martlet__hand_in"))
        #expect(text.hasSuffix("\n\nBe brief."))
    }
}
