import ClaudeAgent
import Linux
import Synchronization
import Testing
import Wire

@Suite struct `a session` {
    @Test func `gives every message, known or not`() async throws {
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.say(["type": "from_the_future", "x": [1, 2.5, nil]])
            try await program.say(["type": "system", "subtype": "new_one", "y": true])
            try await program.say(["type": "assistant", "message": ["content": [["type": "hologram", "z": 1]]]])
            try await program.say(["type": "assistant"])
            try await program.say([1, 2])
            try await program.write(Array("Debugger attached.\n\n\r\n".utf8))
            // A text that was cut inside a character, as JavaScript writes it.
            try await program.write(
                Array(#"{"type":"cut","a":"\ud83d","b":"\ud83d\ude00","c":"\\ud83d"}"#.utf8) + [0x0A]
            )
            try await program.result("done", to: prompt)
        }
        var options = program.options
        let lines = Mutex(0)
        options.onOutputLine = { _ in lines.withLock { $0 += 1 } }
        let (messages, error) = await query("Go", options: options).all()
        #expect(error == nil)
        #expect(messages.count == 8)
        // And the answer to its first request.
        #expect(lines.withLock { $0 } == 9)
        #expect(messages[0] == AgentMessage(["type": "from_the_future", "x": [1, 2.5, nil]]))
        if case .unknown(let message) = messages[1] { #expect(message.subtype == "new_one") }
        if case .assistant(let message) = messages[2] {
            #expect(message.content == [.unknown(["type": "hologram", "z": 1])])
        }
        if case .assistant(let message) = messages[3] { #expect(message.content.isEmpty && message.text == "") }
        #expect(messages[4].raw == [1, 2])
        #expect(messages[5].raw == "Debugger attached.")
        #expect(messages[6].raw == ["type": "cut", "a": "\u{FFFD}", "b": "😀", "c": #"\ud83d"#])
    }

    @Test func `does not take the first result for the end`() async throws {
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.state("running")
            try await program.say([
                "type": "system", "subtype": "task_started", "task_id": "t", "task_type": "local_agent",
            ])
            try await program.result("started", to: prompt)
            try await program.say([
                "type": "system", "subtype": "task_notification", "task_id": "t", "status": "completed",
            ])
            // The input is still open: this is answered.
            let answer = try await program.ask(["subtype": "can_use_tool", "tool_name": "Bash", "input": [:]])
            #expect(answer["response"]?["behavior"] == "allow")
            try await program.result("woken")
            try await program.state("idle")
            #expect(try await program.next() == nil)
        }
        var options = program.options
        options.canUseTool = { _ in .allow() }
        let (messages, error) = await query("Go", options: options).all()
        #expect(error == nil)
        #expect(messages.results == ["started", "woken"])
    }

    @Test func `holds several turns`() async throws {
        let program = try FakeProgram { program in
            var prompt = try await program.begin(["models": []])
            for number in 1...3 {
                try await program.state("running")
                try await program.result("\(number)", to: prompt)
                try await program.state("idle")
                if number < 3 { prompt = try await program.prompt() }
            }
            #expect(try await program.next() == nil)
        }
        let session = try await AgentSession.open(program.options)
        #expect(session.information == ["models": []])
        #expect(try await session.ask("one").text == "1")
        #expect(session.id == "s")
        // Sent and not looked at: the next turn begins behind it.
        try await session.send("two")
        var texts: [String] = []
        for try await message in try await session.turn("three") {
            if case .result(let result) = message { texts.append(result.text ?? "") }
        }
        #expect(texts == ["2", "3"])
        try await session.finish()
        await #expect(throws: AgentError.self) { try await session.send("four") }
    }

    @Test func `asks the program for changes`() async throws {
        let program = try FakeProgram { program in
            let request = try #require(try await program.next())
            try await program.answer(request, [:])
            for expected: (String, JSONValue) in [
                ("set_model", ["subtype": "set_model", "model": nil]),
                ("set_permission_mode", ["subtype": "set_permission_mode", "mode": "plan"]),
                ("interrupt", ["subtype": "interrupt"]),
            ] {
                let request = try #require(try await program.next())
                #expect(request["request"] == expected.1)
                try await program.answer(request, ["ok": true])
            }
            let unknown = try #require(try await program.next())
            try await program.say([
                "type": "control_response",
                "response": [
                    "subtype": "error", "request_id": unknown["request_id"] ?? nil, "error": "never heard of it",
                ],
            ])
            _ = try await program.next()
            // The last one is never answered.
            _ = try await program.next()
        }
        var options = program.options
        try await AgentSession.with(options) { session in
            try await session.setModel(nil)
            try await session.setPermissionMode(.plan)
            try await session.interrupt()
            let error = await #expect(throws: AgentError.self) { try await session.request("make_coffee") }
            #expect(error?.code == .refused && error?.message.contains("never heard of it") == true)
        }
        let silent = try FakeProgram { program in
            try await program.answer(try #require(try await program.next()), [:])
            while try await program.next() != nil {}
        }
        options = silent.options
        options.limits.request = .milliseconds(30)
        try await AgentSession.with(options) { session in
            let error = await #expect(throws: AgentError.self) { try await session.interrupt() }
            #expect(error?.code == .unanswered)
        }
    }

    @Test func `feeds prompts one after the other and then ends`() async throws {
        let program = try FakeProgram { program in
            let first = try await program.begin()
            let second = try await program.prompt()
            try await program.result("1", to: first)
            try await program.result("2", to: second)
            #expect(try await program.next() == nil)
        }
        let prompts = AsyncStream<AgentPrompt> { prompts in
            prompts.yield("one")
            prompts.yield("two")
            prompts.finish()
        }
        #expect(await query(prompts: prompts, options: program.options).all().messages.results == ["1", "2"])
    }

    struct Findings: Codable, Sendable {
        var summary: String
        var count: Int
    }

    @Test func `sends a result back that does not fit its type`() async throws {
        let program = try FakeProgram { program in
            var prompt = try await program.begin()
            for output: JSONValue? in [nil, ["summary": "many", "count": "2"], ["summary": "many", "count": 2]] {
                var message: [String: JSONValue] = [
                    "type": "result", "subtype": "success", "is_error": false, "user_message_uuids": [.string(prompt)],
                ]
                message["structured_output"] = output
                try await program.say(.object(message))
                if output?["count"] != 2 { prompt = try await program.prompt() }
            }
            _ = try await program.next()
        }
        let answer = try await query("Count", returning: Findings.self, options: program.options, repairs: 2)
        #expect(answer.value.count == 2 && answer.refusals.count == 2)
        #expect(answer.refusals.last?.contains("/count") == true)
        let launch = try await program.launch.value()
        let flag = launch.arguments.compactMap { if case .text(let text) = $0 { text } else { nil } }
            .first { $0.hasPrefix("--json-schema=") }
        #expect(flag?.contains(#""required":["count","summary"]"#) == true || flag?.contains("summary") == true)
    }

    @Test func `says so when there is no good result in the end`() async throws {
        let program = try FakeProgram { program in
            let prompt = try await program.begin()
            try await program.say([
                "type": "result", "subtype": "success", "is_error": false, "user_message_uuids": [.string(prompt)],
                "structured_output": ["summary": "TODO", "count": 0],
            ])
            _ = try await program.next()
        }
        let error = await #expect(throws: AgentError.self) {
            try await query("Count", returning: Findings.self, options: program.options, repairs: 0)
        }
        #expect(error?.code == .badResult && error?.result != nil)
    }
}
