import HTTP
import Linux
import Testing
import Wire

@testable import ScriptedModel

@Suite(.timeLimit(.minutes(5))) struct `a fault` {
    private func script(_ fault: String) -> String {
        #"{"steps": [{"text": "fine", "fault": \#(fault)}]}"#
    }

    @Test func `answers with a status, so often, for each session`() async throws {
        let fault = #"{"status": 429, "retryAfter": 2, "message": "slow down", "times": 2}"#
        try await Model.with(script(fault)) { model in
            for session in ["one", "two"] {
                let agent = Agent(model, session: session)
                for _ in 0..<2 {
                    let error = try await #require(agent.refusal())
                    #expect(error.status == 429)
                    #expect(error.type == "rate_limit_error")
                    #expect(error.message == "slow down")
                    #expect(error.headers["retry-after"] == "2")
                }
                #expect(try await agent.ask()["content"]?[0]?["text"] == "fine")
                #expect(try await agent.ask()["content"]?[0]?["text"] == "fine")
            }
            #expect(model.acts.count { $0 == .fault(step: 0, conversation: "script") } == 4)
        }
    }

    @Test(arguments: [
        (401, "authentication_error"), (403, "permission_error"), (404, "not_found_error"),
        (413, "request_too_large"), (500, "api_error"), (529, "overloaded_error"), (400, "invalid_request_error"),
    ])
    func `without times is met for ever`(status: Int, type: String) async throws {
        try await Model.with(script(#"{"status": \#(status)}"#)) { model in
            for _ in 0..<3 {
                let error = try await #require(Agent(model).refusal())
                #expect(error.status == status)
                #expect(error.type == type)
            }
        }
    }

    @Test func `drops the connection without an answer`() async throws {
        try await Model.with(script(#"{"dropAfter": 0, "times": 2}"#)) { model in
            await #expect(throws: (any Error).self) { try await Agent(model).ask() }
            await #expect(throws: (any Error).self) { try await Agent(model).stream() }
            let answer = try await Agent(model).ask()
            #expect(answer["content"]?[0]?["text"] == "fine")
        }
    }

    @Test func `drops the connection after some events`() async throws {
        try await Model.with(script(#"{"dropAfter": 3, "times": 1}"#)) { model in
            let agent = Agent(model)
            // The answer that is not streamed has no events, and is no business of the fault.
            #expect(try await agent.ask()["content"]?[0]?["text"] == "fine")
            let (events, isWhole) = try await self.begin(agent)
            #expect(events.map(\.name) == ["message_start", "content_block_start", "content_block_delta"])
            #expect(!isWhole)
            #expect(try await agent.stream().last?.name == "message_stop")
        }
    }

    /// Reads a stream to its end, however it ends.
    private func begin(_ agent: Agent) async throws -> ([StreamEvent], isWhole: Bool) {
        var head = RequestHead(method: "POST", target: agent.path, headers: ["Host": "model"])
        for field in agent.headers.fields { head.headers[field.name] = field.value }
        let request = agent.request(isStreaming: true).encoded()
        return try await agent.model.client.withResponse(to: head, body: .bytes(request)) { response in
            var bytes: [UInt8] = []
            do {
                while true {
                    let more = try await response.body.read()
                    if more.isEmpty { return (try StreamEvent.all(in: bytes), true) }
                    bytes += more
                }
            } catch {
                return (try StreamEvent.all(in: bytes), false)
            }
        }
    }

    @Test func `says an error in the middle of a stream`() async throws {
        try await Model.with(script(#"{"errorAfter": 2, "message": "too much"}"#)) { model in
            let events = try await Agent(model).stream()
            #expect(events.map(\.name) == ["message_start", "content_block_start", "error"])
            #expect(events.last?.data["error"] == ["type": "overloaded_error", "message": "too much"])
            #expect(try await Agent(model).ask()["content"]?[0]?["text"] == "fine")
        }
    }

    @Test func `hangs until the client leaves`() async throws {
        try await Model.with(script(#"{"hangAfter": 0, "times": 1}"#)) { model in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await Agent(model).ask() }
                // To leave before the model has begun to hang would leave the fault for the next request.
                try await model.firstFault()
                group.cancelAll()
                await #expect(throws: (any Error).self) { try await group.next() }
            }
            let answer = try await Agent(model).ask()
            #expect(answer["content"]?[0]?["text"] == "fine")
        }
    }

    @Test func `hangs in a stream with signs of life`() async throws {
        try await Model.with(script(#"{"hangAfter": 1, "ping": 0.01}"#)) { model in
            let agent = Agent(model)
            let head = RequestHead(method: "POST", target: agent.path, headers: ["Host": "model"])
            let request = agent.request(isStreaming: true).encoded()
            let text = try await model.client.withResponse(to: head, body: .bytes(request)) { response in
                var text = ""
                while text.split(separator: "event: ping").count < 4 {
                    text += String(decoding: try await response.body.read(), as: UTF8.self)
                }
                return text
            }
            #expect(text.hasPrefix("event: message_start\n"))
            #expect(!text.contains("content_block_start"))
        }
    }
}

@Suite(.timeLimit(.minutes(5))) struct `a delay` {
    @Test func `does not change what is said`() async throws {
        try await Model.with(#"{"steps": [{"text": "a", "delay": {"head": 0.01, "event": 0.001}}]}"#) { model in
            let message = try StreamEvent.message(of: try await Agent(model).stream())
            #expect(message["content"]?[0]?["text"] == "a")
        }
    }

    @Test(arguments: ["3600", #"{"head": 3600}"#, #"{"event": 3600}"#])
    func `holds the answer back, and ends when the client leaves`(delay: String) async throws {
        try await Model.with(#"{"steps": [{"text": "a", "delay": \#(delay)}]}"#) { model in
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.milliseconds(100)) { try await Agent(model).stream() }
            }
        }
    }
}
