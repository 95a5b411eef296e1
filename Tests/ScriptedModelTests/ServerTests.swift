import HTTP
import Linux
import Testing
import Wire

@testable import ScriptedModel

@Suite struct `a scripted model` {
    private static let review = #"""
        {"steps": [
          {"text": "Looking.", "tools": [
             {"name": "Bash", "input": {"command": "find . -name '*.py'"}},
             {"name": "Bash", "input": {"command": "grep -c TODO"}}],
           "capture": {"files": {"lines": true}, "todos": {"tool": 1, "pattern": "(\\d+)", "type": "integer"}}},
          {"tools": [{"name": "Read", "input": {"file_path": "${files[0]}", "limit": 10}}],
           "capture": {"title": {"pattern": "# (.*)"}}},
          {"tools": [{"name": "${resultTool}", "input": {
             "summary": "${files.count} files, first ${files[0]}: ${title}. $${kept} ${todos}",
             "issues_found": "${todos}", "recommendations": "${files}"}}]},
          {"text": "Done with ${title}."}
        ]}
        """#

    @Test func `plays its steps with what the tools returned`() async throws {
        try await Model.with(Self.review) { model in
            var agent = Agent(model)
            agent.tools.append(["name": "mcp__box__submit", "input_schema": ["type": "object"]])
            let first = try await agent.ask()
            #expect(first["role"] == "assistant")
            #expect(first["model"] == "some-model")
            #expect(first["stop_reason"] == "tool_use")
            #expect(first["content"]?[0] == ["type": "text", "text": "Looking."])
            #expect(first["content"]?[1]?["input"] == ["command": "find . -name '*.py'"])
            #expect(first["content"]?[2]?["name"] == "Bash")
            // One result as text, one as blocks.
            agent.go(on: first, results: ["./a.py\n./b.py", [["type": "text", "text": "7"]]])
            // The last message is often not the one with the results.
            agent.messages.append(["role": "system", "content": []])

            let second = try await agent.ask()
            #expect(second["content"]?[0]?["input"] == ["file_path": "./a.py", "limit": 10])
            agent.go(on: second, results: ["     1\t# Title here\n     2\tpass"])

            let third = try await agent.ask()
            #expect(third["content"]?[0]?["name"] == "mcp__box__submit")
            #expect(
                third["content"]?[0]?["input"] == [
                    "summary": "2 files, first ./a.py: Title here. ${kept} 7", "issues_found": 7,
                    "recommendations": ["./a.py", "./b.py"],
                ]
            )
            agent.go(on: third, results: ["ok"])
            let fourth = try await agent.ask()
            #expect(fourth["content"] == [["type": "text", "text": "Done with Title here."]])
            #expect(fourth["stop_reason"] == "end_turn")
            agent.go(on: fourth)
            agent.say("More?")
            #expect(try await agent.ask()["content"]?[0]?["text"] == "The script has no more steps.")
            #expect(model.acts == (0...4).map { .step($0, conversation: "script") })
        }
    }

    @Test func `says the same streamed as whole`() async throws {
        try await Model.with(Self.review) { model in
            let agent = Agent(model)
            let events = try await agent.stream()
            #expect(events.map(\.name).first == "message_start")
            #expect(events.map(\.name).suffix(2) == ["message_delta", "message_stop"])
            #expect(events.allSatisfy { $0.data["type"] == .string($0.name) })
            let starts = events.filter { $0.name == "content_block_start" }
            #expect(starts.map { $0.data["index"] } == [0, 1, 2])
            #expect(starts[1].data["content_block"]?["input"] == [:])
            #expect(try StreamEvent.message(of: events) == (try await agent.ask()))
        }
    }

    @Test func `sends long texts and inputs in pieces that add up`() async throws {
        let long = String(repeating: "Grüße 👩‍👩‍👧 \\\" ", count: 40)
        let script: JSONValue = [
            "steps": [["text": .string(long), "tools": [["name": "Bash", "input": ["command": .string(long)]]]]]
        ]
        try await Model.with(script.text()) { model in
            let events = try await Agent(model).stream()
            #expect(events.count { $0.name == "content_block_delta" } > 10)
            let message = try StreamEvent.message(of: events)
            #expect(message["content"]?[0]?["text"] == .string(long))
            #expect(message["content"]?[1]?["input"] == ["command": .string(long)])
        }
    }

    @Test func `gives the same request the same step`() async throws {
        try await Model.with(Self.review) { model in
            let agent = Agent(model)
            let first = try await agent.ask()
            #expect(try await agent.ask() == first)
            #expect(try await agent.ask() == first)
        }
    }

    @Test func `tells usage, model and stop reason as the step does`() async throws {
        let script = #"""
            {"model": "script-model", "steps": [
              {"text": "a", "usage": {"input_tokens": 7, "cache_read_input_tokens": 5, "output_tokens": 9},
               "stopReason": "max_tokens", "model": "step-model"},
              {"text": "b"}]}
            """#
        try await Model.with(script) { model in
            var agent = Agent(model)
            let events = try await agent.stream()
            #expect(events[0].data["message"]?["usage"]?["output_tokens"] == 1)
            let first = try StreamEvent.message(of: events)
            #expect(first["model"] == "step-model")
            #expect(first["stop_reason"] == "max_tokens")
            #expect(
                first["usage"] == [
                    "input_tokens": 7, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5,
                    "output_tokens": 9,
                ]
            )
            agent.go(on: first)
            agent.say("go on")
            let second = try await agent.ask()
            #expect(second["model"] == "script-model")
            #expect(second["usage"]?["input_tokens"] == 100)
            #expect(second["usage"]?["output_tokens"] == 20)
        }
    }

    @Test func `goes on with its steps when a session is resumed`() async throws {
        let script = #"""
            {"steps": [{"text": "one"}, {"tools": [{"name": "Bash", "input": {}}]}, {"text": "three"}, {"text": "four"}]}
            """#
        try await Model.with(script) { model in
            var agent = Agent(model)
            agent.go(on: try await agent.ask())
            agent.say("and now")
            // Words that are not the script's, as an agent puts them there after a failed request.
            agent.messages.append(["role": "assistant", "content": "API Error"])
            agent.say("and now, please")
            agent.go(on: try await agent.ask(), results: ["done"])
            #expect(try await agent.ask()["content"]?[0]?["text"] == "three")
            // What came first may have been forgotten: the calls' ids tell where we are.
            agent.messages.removeSubrange(1..<5)
            #expect(try await agent.ask()["content"]?[0]?["text"] == "three")
            agent.go(on: try await agent.ask())
            agent.say("once more")
            #expect(try await agent.ask()["content"]?[0]?["text"] == "four")
        }
    }

    @Test func `chooses the conversation by the first message`() async throws {
        let script = #"""
            {"conversations": [
              {"name": "review", "when": "Review", "steps": [{"text": "reviewing"}]},
              {"when": {"pattern": "^fix the \\w+"}, "steps": [{"text": "fixing '${prompt}'"}]}
            ]}
            """#
        try await Model.with(script) { model in
            #expect(try await Agent(model, "Review this").ask()["content"]?[0]?["text"] == "reviewing")
            var agent = Agent(model)
            agent.messages = [
                [
                    "role": "user",
                    "content": [
                        ["type": "text", "text": "<system-reminder>\nReview\n</system-reminder>"],
                        ["type": "text", "text": "fix the tests"],
                    ],
                ]
            ]
            agent.say("Review it too")
            #expect(try await agent.ask()["content"]?[0]?["text"] == "fixing 'fix the tests'")
            let error = try await #require(Agent(model, "other").refusal())
            #expect(error.status == 400)
            #expect(error.message?.contains(#"begins "other""#) == true)
            #expect(
                model.acts.prefix(2) == [.step(0, conversation: "review"), .step(0, conversation: "conversations[1]")]
            )
        }
    }

    @Test func `gives subagents their own steps`() async throws {
        let script = #"""
            {"steps": [{"tools": [{"name": "Agent", "input": {"prompt": "count"}}]}, {"text": "main done"}],
             "subagents": [{"when": "count", "steps": [{"tools": [{"name": "Bash", "input": {}}]}, {"text": "sub done"}]}]}
            """#
        try await Model.with(script) { model in
            var main = Agent(model)
            main.go(on: try await main.ask(), results: ["started"])
            var sub = Agent(model, "count the files")
            sub.headers["X-Claude-Code-Agent-Id"] = "a1ff"
            let first = try await sub.ask()
            sub.go(on: first, results: ["3"])
            #expect(try await main.ask()["content"]?[0]?["text"] == "main done")
            #expect(try await sub.ask()["content"]?[0]?["text"] == "sub done")
            #expect(model.requests.map(\.agent) == [nil, "a1ff", nil, "a1ff"])
        }
    }

    @Test func `answers a question for a title beside the conversation`() async throws {
        try await Model.with(#"{"title": "My job", "steps": [{"text": "step"}]}"#) { model in
            let question: JSONValue = [
                "model": "m", "stream": true, "messages": [["role": "user", "content": "long prompt"]], "tools": [],
                "output_config": [
                    "format": [
                        "type": "json_schema",
                        "schema": ["type": "object", "properties": ["title": ["type": "string"]]],
                    ]
                ],
            ]
            let answer = try await model.send("POST", "/v1/messages", question.text())
            let message = try StreamEvent.message(of: StreamEvent.all(in: answer.body))
            #expect(message["content"]?[0]?["text"] == #"{"title":"My job"}"#)
            #expect(model.acts == [.title])
            // No tools alone is no such question.
            var agent = Agent(model)
            agent.tools = []
            #expect(try await agent.ask()["content"]?[0]?["text"] == "step")
        }
    }

    @Test func `serves the other paths of the API`() async throws {
        try await Model.with(#"{"steps": [{"text": "a"}]}"#) { model in
            #expect(try await model.send("GET", "/api/hello").head.status == 200)
            #expect(try await model.send("HEAD", "/api/hello").body.isEmpty)
            let count = try await model.send("POST", "/v1/messages/count_tokens", #"{"model":"m","messages":[]}"#)
            #expect(try JSONValue(parsing: count.body) == ["input_tokens": 6])
            for (method, path) in [("GET", "/v1/messages"), ("GET", "/v1/models"), ("POST", "/other")] {
                let answer = try await model.send(method, path)
                #expect(answer.head.status == 404)
                #expect(try JSONValue(parsing: answer.body)["error"]?["type"] == "not_found_error")
            }
            #expect(try await model.send("POST", "/v1/messages", "{").head.status == 400)
            #expect(try await model.send("POST", "/v1/messages", "{}").head.status == 400)
            var agent = Agent(model)
            agent.path = "/sandbox/abc/v1/messages?beta=true"
            #expect(try await agent.ask()["content"]?[0]?["text"] == "a")
        }
    }

    @Test func `finds the result tool, or says why not`() async throws {
        try await Model.with(#"{"steps": [{"tools": [{"name": "${resultTool}"}]}]}"#) { model in
            var agent = Agent(model)
            let none = try await #require(agent.refusal())
            #expect(none.message?.contains("ENABLE_TOOL_SEARCH=false") == true)
            agent.tools = [["name": "mcp__a__x"], ["name": "mcp__b__y"]]
            let several = try await #require(agent.refusal())
            #expect(several.message?.contains("mcp__a__x, mcp__b__y") == true)
            agent.tools.append(["name": "mcp__martlet__submit_result"])
            #expect(try await agent.ask()["content"]?[0]?["name"] == "mcp__martlet__submit_result")
            agent.tools = [["name": "Bash"], ["name": "mcp__b__y"]]
            #expect(try await agent.ask()["content"]?[0]?["name"] == "mcp__b__y")
        }
    }

    @Test func `says which value it misses`() async throws {
        try await Model.with(Self.review) { model in
            var agent = Agent(model)
            agent.go(on: try await agent.ask(), results: ["", "none"])
            let error = try await #require(agent.refusal())
            #expect(error.status == 400)
            #expect(error.type == "invalid_request_error")
            #expect(error.message?.contains("steps[1].tools[0].input.file_path") == true)
        }
    }

    @Test func `serves many agents at once`() async throws {
        try await Model.with(Self.review) { model in
            let count = 20
            let titles = try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                for number in 0..<count {
                    group.addTask {
                        var agent = Agent(model, session: "session \(number)")
                        agent.tools = [["name": "mcp__m__t"]]
                        agent.go(on: try await agent.ask(), results: [.string("./\(number).py"), "1"])
                        agent.go(on: try await agent.ask(), results: [.string("# \(number)")])
                        agent.go(on: try await agent.ask(), results: ["ok"])
                        return try await agent.ask()["content"]?[0]?["text"]
                    }
                }
                return try await group.reduce(into: Set<JSONValue>()) { $0.insert($1 ?? nil) }
            }
            #expect(titles == Set((0..<count).map { .string("Done with \($0).") }))
        }
    }
}
