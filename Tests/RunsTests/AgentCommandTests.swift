import FoundationEssentials
import GuestLink
import Testing
import Wire

@testable import Runs

@Suite struct `the agent's command` {
    private func command(
        session: AgentCommand.Session = .new("11111111-1111-4111-8111-111111111111"),
        systemPromptFile: String? = nil,
        budget: Double? = nil,
        turns: Int? = nil,
        _ set: (inout RunOptions) -> Void = { _ in }
    ) -> AgentCommand {
        var options = RunOptions(prompt: Data("Go".utf8))
        set(&options)
        return AgentCommand(
            options: options,
            session: session,
            promptFile: "/tmp/.martlet/prompt-0.txt",
            systemPromptFile: systemPromptFile,
            workingDirectory: "/home/user/workspace",
            budgetUSD: budget,
            maxTurns: turns
        )
    }

    private func value(of option: String, in arguments: [String]) -> String? {
        arguments.firstIndex(of: option).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
    }

    @Test func `prints events and asks nobody`() {
        let arguments = command().arguments
        #expect(arguments.prefix(4) == ["--print", "--output-format", "stream-json", "--verbose"])
        #expect(arguments.contains("--dangerously-skip-permissions"))
        #expect(arguments.contains("--strict-mcp-config"))
        #expect(value(of: "--mcp-config", in: arguments) == #"{"mcpServers":{}}"#)
        for absent in ["--max-turns", "--max-budget-usd", "--append-system-prompt-file", "--resume"] {
            #expect(!arguments.contains(absent), "\(absent)")
        }
    }

    @Test func `names a new session or resumes one`() {
        #expect(value(of: "--session-id", in: command(session: .new("n")).arguments) == "n")
        let resumed = command(session: .resumed("r")).arguments
        #expect(value(of: "--resume", in: resumed) == "r")
        // A session's id can be given to a new session only.
        #expect(!resumed.contains("--session-id"))
    }

    @Test func `carries the limits, the model and the system prompt`() {
        let arguments = command(systemPromptFile: "/s.txt", budget: 0.25, turns: 7) { $0.model = "-odd" }.arguments
        #expect(value(of: "--max-turns", in: arguments) == "7")
        #expect(value(of: "--max-budget-usd", in: arguments) == "0.25")
        #expect(value(of: "--append-system-prompt-file", in: arguments) == "/s.txt")
        #expect(arguments.contains("--model=-odd"))
    }

    @Test func `registers the result tool when there is a schema`() throws {
        let command = command {
            $0.schema = ["type": "object"]
            $0.toolName = "hand_in"
        }
        let configuration = try JSONValue(parsing: try #require(value(of: "--mcp-config", in: command.arguments)))
        #expect(configuration["mcpServers"]?["martlet"]?["type"] == "http")
        #expect(configuration["mcpServers"]?["martlet"]?["url"] == "http://127.0.0.1:49984/mcp")
        #expect(command.toolName == "mcp__martlet__hand_in")
    }

    @Test func `allows only the tools that were named, and the result tool`() {
        let arguments = command {
            $0.schema = ["type": "object"]
            $0.allowedTools = ["Read", "Bash(git log:*)"]
        }.arguments
        #expect(!arguments.contains("--dangerously-skip-permissions"))
        #expect(value(of: "--permission-mode", in: arguments) == "dontAsk")
        let allowed = arguments.drop { $0 != "--allowedTools" }.dropFirst().prefix { !$0.hasPrefix("--") }
        #expect(Array(allowed) == ["Read", "Bash(git log:*)", "mcp__martlet__submit_result"])
        let refused = arguments.drop { $0 != "--disallowedTools" }.dropFirst()
        #expect(Array(refused) == ["Task", "TodoWrite"])
    }

    @Test func `reads the prompt from a file that no shell parses`() {
        let command = command { $0.prompt = Data("$(reboot) '\"".utf8) }
        let process = command.command.config
        #expect(process.cmd == "/bin/sh")
        #expect(process.args?.prefix(3) == ["-c", #"exec claude "$@" < "$0""#, "/tmp/.martlet/prompt-0.txt"])
        #expect(process.args?.contains { $0.contains("reboot") } == false)
        #expect(command.command.spool)
    }

    @Test func `holds no credential, and lets the caller's variables win`() {
        let command = command { $0.environment = ["CLAUDE_CODE_MAX_RETRIES": "0", "OWN": "x"] }
        let environment = command.command.config.envs ?? [:]
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
