import ClaudeAgent

struct Review: Codable, Sendable, SchemaDescribing {
    struct Finding: Codable, Sendable {
        var file: String
        var problem: String
    }
    var summary: String
    var findings: [Finding]

    static let schemaDescriptions = ["summary": "The state of the code in one sentence"]
}

struct Word: Codable, Sendable { var word: String }

@main struct Program {
    static func main() async throws {
        var options = AgentOptions()
        options.systemPrompt = .claudeCode()
        options.workingDirectory = CommandLine.arguments.dropFirst().first ?? "."
        options.maxBudgetUSD = 1
        // It may look at everything without asking; about anything else a person decides.
        options.allowedTools = ["Read", "Grep", "Glob", "mcp__house__explain"]
        options.canUseTool = { tool in
            print("May it use \(tool.toolName) with \(tool.input.text())? [y/N]")
            return readLine() == "y" ? .allow() : .deny("The user does not want that.")
        }
        // A tool that is a function of this very program.
        let explain = try AgentTool("explain", "Says what a word means in this house", input: Word.self) { input in
            input.word == "martlet" ? "A bird that never lands" : "Nothing special"
        }
        options.mcpServers["house"] = .tools([explain])

        let answer = try await query("Review this code.", returning: Review.self, options: options)
        print(answer.value.summary)
        for finding in answer.value.findings { print("\(finding.file): \(finding.problem)") }
        print("\(answer.result.turns) turns, $\(answer.result.totalCostUSD ?? 0)")
    }
}
