import ClaudeAgent
import Linux
import Synchronization
import Testing
import Wire

@Suite struct `a session that is asked` {
    private static let bash: JSONValue = [
        "subtype": "can_use_tool", "tool_name": "Bash", "input": ["command": "ls"], "tool_use_id": "t1",
        "permission_suggestions": [["type": "setMode", "mode": "acceptEdits", "destination": "session"]],
    ]

    /// What the program is answered to one request.
    private func answer(to body: JSONValue, _ change: (inout AgentOptions) throws -> Void = { _ in }) async throws
        -> JSONValue
    {
        let answered = Latch<JSONValue>()
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            answered.set(try await program.ask(body))
            try await program.result("done", to: prompt)
        }
        var options = program.options
        try change(&options)
        #expect(try await query("Go", options: options).result().text == "done")
        return try await answered.value()
    }

    @Test func `lets its function decide about a tool`() async throws {
        let allowed = try await answer(to: Self.bash) { options in
            options.canUseTool = { request in
                #expect(request.toolName == "Bash" && request.toolUseID == "t1")
                return .allow(updates: request.suggestions + [.add(.allow, ["Bash(git log:*)", "Read"])])
            }
        }
        #expect(allowed["response"]?["updatedInput"] == ["command": "ls"])
        #expect(
            allowed["response"]?["updatedPermissions"] == [
                ["type": "setMode", "mode": "acceptEdits", "destination": "session"],
                [
                    "type": "addRules", "behavior": "allow", "destination": "session",
                    "rules": [["toolName": "Bash", "ruleContent": "git log:*"], ["toolName": "Read"]],
                ],
            ]
        )
        let denied = try await answer(to: Self.bash) { $0.canUseTool = { _ in .deny("no", stop: true) } }
        #expect(denied["response"] == ["behavior": "deny", "message": "no", "interrupt": true])
    }

    @Test func `refuses when its function throws`() async throws {
        struct Mishap: Error {}
        let answer = try await answer(to: Self.bash) { $0.canUseTool = { _ in throw Mishap() } }
        #expect(answer["subtype"] == "success" && answer["response"]?["behavior"] == "deny")
        #expect(answer["response"]?["message"]?.string?.contains("Mishap") == true)
    }

    @Test func `refuses when its function never answers, even one that can not be cancelled`() async throws {
        let answer = try await answer(to: Self.bash) { options in
            options.limits.callback = .milliseconds(30)
            options.canUseTool = { _ in
                await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
                    forgotten.withLock { $0.append(waiter) }
                }
                return .allow()
            }
        }
        #expect(answer["response"]?["behavior"] == "deny")
        for waiter in forgotten.withLock({ $0 }) { waiter.resume() }
    }

    @Test func `refuses what there is no function for, and answers what it does not know`() async throws {
        #expect(try await answer(to: Self.bash)["response"]?["behavior"] == "deny")
        for subtype in ["elicitation", "hook_callback", "anything"] {
            let answer = try await answer(to: ["subtype": .string(subtype)])
            #expect(answer["subtype"] == "error" && answer["error"]?.string?.isEmpty == false)
        }
    }

    @Test func `reads on while its function thinks, and stops it when the program has lost interest`() async throws {
        let wasCancelled = Latch<Void>()
        let isAsked = Latch<Void>()
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.say(["type": "control_request", "request_id": "r1", "request": Self.bash])
            try await isAsked.value()
            try await program.say(["type": "meanwhile"])
            try await program.say(["type": "control_cancel_request", "request_id": "r1"])
            try await wasCancelled.value()
            // The next thing that it reads is no answer to the request that it took back.
            let answer = try await program.ask(["subtype": "anything"], id: "r2")
            #expect(answer["subtype"] == "error")
            try await program.result("done", to: prompt)
        }
        var options = program.options
        options.canUseTool = { _ in
            isAsked.set(())
            do {
                try await Latch<Void>().value()
            } catch {
                wasCancelled.set(())
            }
            return .allow()
        }
        let (messages, error) = await query("Go", options: options).all()
        #expect(error == nil && messages.contains { $0.raw["type"] == "meanwhile" })
    }

    @Test func `hands questions to the user`() async throws {
        let questions: JSONValue = [
            "questions": [
                [
                    "question": "Which?", "header": "Pick", "multiSelect": true,
                    "options": [["label": "A", "description": "a"], ["label": "B", "description": "b"]],
                ]
            ]
        ]
        let body: JSONValue = ["subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": questions]
        let answer = try await answer(to: body) { options in
            options.canUseTool = { _ in .deny("not this one") }
            options.askUser = { questions in
                #expect(questions.map(\.text) == ["Which?"] && questions[0].allowsSeveral)
                return [questions[0].answer("A", questions[0].options[1].label)]
            }
        }
        #expect(answer["response"]?["updatedInput"]?["answers"] == ["Which?": "A, B"])
        #expect(answer["response"]?["updatedInput"]?["questions"] == questions["questions"])
    }

    @Test func `runs its hooks`() async throws {
        let body: JSONValue = [
            "subtype": "hook_callback", "callback_id": "hook_1",
            "input": ["hook_event_name": "PreToolUse", "tool_name": "Write"],
        ]
        let answer = try await answer(to: body) { options in
            options.hooks = [
                AgentHook(.stop) { _ in .none },
                AgentHook(.preToolUse, matching: "Write") { .tool(.deny, "not \($0.toolName ?? "")") },
            ]
        }
        #expect(
            answer["response"]?["hookSpecificOutput"] == [
                "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "not Write",
            ]
        )
    }

    @Test func `does not start a program that would ignore a hook that is to block`() async throws {
        let program = try FakeProgram { program in
            try await program.answer(try #require(try await program.next()), ["hook_on_failure_supported": false])
            #expect(try await program.next() == nil)
        }
        var options = program.options
        options.hooks = [AgentHook(.preToolUse, onFailure: .block) { _ in .none }]
        #expect(await query("Go", options: options).all().error?.code == .badOptions)
    }

    struct Sum: Codable, Sendable {
        var a: Double
        var b: Double
    }

    private func call(_ message: JSONValue) async throws -> JSONValue {
        let add = try AgentTool("add", "Adds", input: Sum.self) { "\($0.a + $0.b)" }
        let fail = try AgentTool("fail", "Fails", schema: ["type": "object"]) { _ in throw AgentError(.closed, "oh") }
        let body: JSONValue = ["subtype": "mcp_message", "server_name": "calc", "message": message]
        let answer = try await answer(to: body) { $0.mcpServers["calc"] = .tools([add, fail]) }
        return answer["response"]?["mcp_response"] ?? nil
    }

    private func callTool(_ name: String, _ arguments: JSONValue) async throws -> JSONValue {
        let params: JSONValue = ["name": .string(name), "arguments": arguments]
        return try await call(["jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params])
    }

    @Test func `serves its tools`() async throws {
        let sum = try await callTool("add", ["a": 1, "b": 2.5])
        #expect(sum["id"] == 7 && sum["result"]?["content"]?[0]?["text"] == "3.5")
        let wrong = try await callTool("add", ["a": "1"])
        #expect(wrong["result"]?["isError"] == true)
        let text = wrong["result"]?["content"]?[0]?["text"]?.string ?? ""
        #expect(text.contains("/a") && text.contains("/b") || text.contains("'b'"), "\(text)")
        #expect(try await callTool("fail", [:])["result"]?["isError"] == true)
        #expect(try await callTool("none", [:])["error"]?["code"] == -32602)
        let list = try await call(["jsonrpc": "2.0", "id": 1, "method": "tools/list"])
        #expect(list["result"]?["tools"]?[0]?["inputSchema"]?["required"] == ["a", "b"])
        let hello = try await call([
            "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ["protocolVersion": "2025-06-18"],
        ])
        #expect(hello["result"]?["protocolVersion"] == "2025-06-18")
        #expect(try await call(["jsonrpc": "2.0", "id": 1, "method": "ping"])["result"] == [:])
        #expect(try await call(["jsonrpc": "2.0", "id": 1, "method": "server/discover"])["error"]?["code"] == -32601)
        #expect(
            try await call(["jsonrpc": "2.0", "method": "notifications/initialized"])
                == ["jsonrpc": "2.0", "result": [:]]
        )
    }

    @Test func `says which type can be no tool's input`() {
        #expect(throws: AgentError.self) { try AgentTool("n", "A number", input: Int.self) { "\($0)" } }
    }
}

/// What a test waits for and nobody resumes while it runs.
private let forgotten = Mutex<[CheckedContinuation<Void, Never>]>([])
