import ClaudeAgent
import Linux
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: ClaudeCode.isThere, ClaudeCode.absence), .serialized)
struct `Claude Code driven from Swift` {
    private static let touch = ClaudeCode.step("Bash", ["command": "touch touched"])

    @Test func `does what it is told and says how it went`() async throws {
        try await ClaudeCode.with([ClaudeCode.step("Bash", ["command": "echo here"]), ["text": "It is here."]]) {
            claude in
            var options = claude.options
            options.systemPrompt = .text(String(repeating: "Be brief. ", count: 20_000))
            options.settings = ["permissions": ["allow": ["Bash(echo:*)"]]]
            options.includesPartialMessages = true
            let (messages, error) = await query("Where?", options: options).all()
            #expect(error == nil)
            guard case .started(let start)? = messages.first(where: { if case .started = $0 { true } else { false } })
            else {
                Issue.record("\(messages)")
                return
            }
            #expect(start.tools.contains("Bash") && !start.tools.contains("AskUserQuestion"))
            #expect(start.workingDirectory == claude.work)
            #expect(messages.toolResults.map(\.text) == ["here"])
            #expect(messages.contains { if case .partial(let piece) = $0 { piece.addedText != nil } else { false } })
            guard case .result(let result)? = messages.last(where: { if case .result = $0 { true } else { false } })
            else { return }
            #expect(result.isSuccess && result.text == "It is here." && result.turns == 2)
            #expect(result.totalCostUSD == 0.0016 && result.sessionID == start.sessionID)
            // Nothing that it says is without a name here.
            #expect(!messages.contains { if case .unknown = $0 { true } else { false } }, "\(messages)")
        }
    }

    @Test func `asks before it uses a tool`() async throws {
        try await ClaudeCode.with([Self.touch, Self.touch, Self.touch, ["text": "Done."]]) { claude in
            var options = claude.options
            let count = Mutex(0)
            options.canUseTool = { tool in
                #expect(tool.toolName == "Bash" && tool.input["command"] == "touch touched")
                switch count.withLock({ count in
                    defer { count += 1 }; return count
                }) {
                case 0: return .deny("Not yet")
                case 1: return .allow(input: ["command": "touch changed"])
                default: throw AgentError(.closed, "Nobody is here")
                }
            }
            let (messages, error) = await query("Touch", options: options).all()
            #expect(error == nil)
            #expect(messages.toolResults.map(\.isError) == [true, false, true])
            #expect(messages.toolResults.first?.text.contains("Not yet") == true)
            #expect(messages.toolResults.last?.text.contains("Nobody is here") == true)
            #expect(claude.exists("changed") && !claude.exists("touched"))
        }
    }

    @Test func `remembers the rules that it is given with a permission`() async throws {
        try await ClaudeCode.with([Self.touch, ClaudeCode.step("Bash", ["command": "touch more"]), ["text": "Done."]]) {
            claude in
            var options = claude.options
            let asked = Mutex<[String]>([])
            options.canUseTool = { tool in
                asked.withLock { $0.append(tool.input["command"]?.string ?? "") }
                return .allow(updates: [.add(.allow, ["Bash(touch:*)"]), .addDirectories([claude.work])])
            }
            let result = try await query("Touch", options: options).result()
            #expect(result.permissionDenials.isEmpty)
            #expect(asked.withLock { $0 } == ["touch touched"])
            #expect(claude.exists("more"))
        }
    }

    @Test func `denies by itself where nobody can be asked, and says so`() async throws {
        try await ClaudeCode.with([Self.touch, ["text": "Done."]]) { claude in
            let result = try await query("Touch", options: claude.options).result()
            #expect(result.isSuccess && result.permissionDenials.map(\.toolName) == ["Bash"])
        }
    }

    @Test func `asks the user`() async throws {
        let input: JSONValue = [
            "questions": [
                [
                    "question": "Which one?", "header": "Pick", "multiSelect": false,
                    "options": [["label": "Left", "description": "l"], ["label": "Right", "description": "r"]],
                ]
            ]
        ]
        try await ClaudeCode.with([ClaudeCode.step("AskUserQuestion", input), Self.touch, ["text": "Done."]]) {
            claude in
            var options = claude.options
            options.askUser = { questions in
                #expect(questions.count == 1 && questions[0].options.map(\.label) == ["Left", "Right"])
                return [questions[0].answer("Right")]
            }
            let (messages, error) = await query("Ask", options: options).all()
            #expect(error == nil)
            let results = messages.toolResults
            #expect(results.first?.text.contains("Right") == true && results.first?.isError == false, "\(results)")
            // There is nobody who could decide about tools.
            #expect(results.last?.isError == true)
        }
    }

    @Test func `runs hooks`() async throws {
        try await ClaudeCode.with([Self.touch, ["text": "Done."], ["text": "Really done."]]) { claude in
            var options = claude.options
            let seen = Mutex<[HookEvent]>([])
            options.hooks = [
                AgentHook(.preToolUse, matching: "Bash", timeout: .seconds(30), onFailure: .block) { input in
                    seen.withLock { $0.append(input.event) }
                    return .tool(.allow, "it is only a touch", input: ["command": "touch hooked"])
                },
                AgentHook(.postToolUse) { input in
                    seen.withLock { $0.append(input.event) }
                    return .context("Well touched.", for: .postToolUse)
                },
                AgentHook(.stop) { input in
                    seen.withLock { $0.append(input.event) }
                    return input.raw["stop_hook_active"] == true ? .none : .block("Are you sure?")
                },
            ]
            let result = try await query("Touch", options: options).result()
            #expect(result.text == "Really done.")
            #expect(seen.withLock { $0 } == [.preToolUse, .postToolUse, .stop, .stop])
            #expect(claude.exists("hooked") && !claude.exists("touched"))
        }
    }

    struct Sum: Codable, Sendable {
        var a: Double
        var b: Double
    }

    @Test func `calls tools of this program`() async throws {
        let script: JSONValue = [
            ClaudeCode.step("mcp__calc__add", ["a": "one", "b": 2]),
            [
                "tools": [["name": "mcp__calc__add", "input": ["a": 1.5, "b": 2]]],
                "capture": ["sum": ["pattern": #"[\d.]+"#]],
            ],
            ["text": "It is ${sum}."],
        ]
        try await ClaudeCode.with(script) { claude in
            var options = claude.options
            options.mcpServers["calc"] = .tools([
                try AgentTool("add", "Adds two numbers", input: Sum.self) { "\($0.a + $0.b)" }
            ])
            options.allowedTools = ["mcp__calc__add"]
            let (messages, error) = await query("Add", options: options).all()
            #expect(error == nil && messages.results == ["It is 3.5."])
            #expect(messages.toolResults.map(\.isError) == [true, false], "\(messages.toolResults)")
            #expect(messages.toolResults.first?.text.contains("/a") == true)
        }
    }

    struct Findings: Codable, Sendable, SchemaDescribing {
        enum Severity: String, Codable, CaseIterable, Sendable { case low, high }
        var summary: String
        var severity: Severity
        var lines: [Int]?

        static let schemaDescriptions = ["summary": "What was found"]
    }

    @Test func `answers with a Swift type`() async throws {
        // A wrong one, which the program itself refuses, and a placeholder, which only this library does.
        let script: JSONValue = [
            ClaudeCode.step("StructuredOutput", ["summary": "Leaks", "severity": "medium"]),
            ClaudeCode.step("StructuredOutput", ["summary": "TODO", "severity": "low"]),
            ClaudeCode.step("StructuredOutput", ["summary": "Leaks", "severity": "high", "lines": [1, 2]]),
        ]
        try await ClaudeCode.with(script) { claude in
            let answer = try await query("Review", returning: Findings.self, options: claude.options)
            #expect(answer.value.summary == "Leaks" && answer.value.severity == .high && answer.value.lines == [1, 2])
            #expect(answer.refusals.count == 1)
            #expect(answer.result.sessionID != nil)
        }
    }

    @Test func `answers with a list, which is no object`() async throws {
        try await ClaudeCode.with([ClaudeCode.step("StructuredOutput", ["result": ["one", "two"]])]) { claude in
            let answer = try await query("List", returning: [String].self, options: claude.options)
            #expect(answer.value == ["one", "two"])
        }
    }

    @Test func `loses nothing when nobody looks at first`() async throws {
        let text = String(repeating: "0123456789abcdef", count: 25_000)
        try await ClaudeCode.with([["text": .string(text)]]) { claude in
            let session = try await AgentSession.open(claude.options)
            try await session.send("Write")
            // The program has ended before the first message is taken.
            try await session.finish()
            var texts: [String] = []
            for try await message in session.messages {
                if case .result(let result) = message { texts.append(result.text ?? "") }
            }
            #expect(texts == [text])
        }
    }

    @Test func `is not believed when it ends well without a result`() async throws {
        try await ClaudeCode.with([["text": "No."], ["text": "Still no."]]) { claude in
            let error = await #expect(throws: AgentError.self) {
                try await query("Review", returning: Findings.self, options: claude.options, repairs: 0)
            }
            #expect(error?.code == .badResult && error?.result?.isSuccess == true)
        }
    }

    @Test func `wakes up for what its subagent found`() async throws {
        let script: JSONValue = [
            "steps": [
                ClaudeCode.step(
                    "Agent",
                    [
                        "description": "Count", "prompt": "Count the files", "subagent_type": "general-purpose",
                        "run_in_background": true,
                    ]
                ),
                ["text": "I have started it."], Self.touch, ["text": "It found 42."],
            ],
            "subagents": [["when": "Count", "steps": [["text": "42", "delay": 0.5]]]],
        ]
        try await ClaudeCode.with(script) { claude in
            var options = claude.options
            options.canUseTool = { _ in .allow() }
            let (messages, error) = await query("Count", options: options).all()
            #expect(error == nil)
            #expect(messages.results == ["I have started it.", "It found 42."])
            // It was asked for behind the first result, and the answer came through.
            #expect(claude.exists("touched"))
        }
    }

    @Test func `ends at its limits with a result and no error`() async throws {
        try await ClaudeCode.with([Self.touch, Self.touch, Self.touch]) { claude in
            var options = claude.options
            options.maxTurns = 2
            options.permissionMode = .bypassPermissions
            let result = try await query("Touch", options: options).result()
            #expect(result.subtype == .maxTurns && result.isError && !result.errors.isEmpty)
        }
    }
}
