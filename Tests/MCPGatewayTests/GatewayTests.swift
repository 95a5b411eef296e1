import HTTP
import Linux
import Testing
import Wire

@testable import MCPGateway

@Suite struct `a gateway of several servers` {
    @Test func `merges what they list, and asks whom it concerns`() async throws {
        try await Gate.with(["one": Gate.server("one"), "two": Gate.server("two", ["tools": ["echo", "grow"]])]) {
            gate in
            let tools = try await gate.names("tools/list", "tools")
            #expect(tools.count == 11 && tools.prefix(3) == ["one__echo", "one__variables", "one__progress"])
            #expect(tools.suffix(2) == ["two__echo", "two__grow"])
            #expect(try await gate.call("one__echo", ["text": "a"]) == "one: a")
            #expect(try await gate.call("two__echo", ["text": "b"]) == "two: b")
            #expect(try await gate.call("two__variables").contains("not allowed here"))
            #expect(try await gate.call("three__echo").contains("three__echo"))
            // What a server says against a request comes through as it is.
            #expect(try await gate.call("one__nothing") == "no tool nothing")

            #expect(try await gate.names("prompts/list", "prompts") == ["one__greet", "two__greet"])
            let prompt = try await gate.ask("prompts/get", ["name": "two__greet"])
            #expect(prompt["result"]?["messages"]?[0]?["content"]?["text"] == "two greet")
            #expect(try await gate.names("resources/list", "resources") == ["one", "one"])
            let read = try await gate.ask("resources/read", ["uri": "test://two/one"])
            #expect(read["result"]?["contents"]?[0]?["text"] == "read by two")
            #expect(try await gate.ask("resources/read", ["uri": "test://three"])["error"]?["code"] == -32602)
            #expect(try await gate.ask("no/method")["error"]?["code"] == -32601)
            #expect(try await gate.ask("ping")["result"] == [:])
        }
    }

    @Test func `opens to its token alone, and to sessions that there are`() async throws {
        try await Gate.with([:]) { gate in
            for header in [nil, "Bearer", "Bearer the-toke", "Bearer the-token-", "Basic the-token"] {
                var head = Gate.head("POST", session: gate.session)
                head.headers["Authorization"] = header
                let answer = try await gate.client.send(head, body: .bytes(Gate.greeting.encoded()))
                #expect(answer.head.status == 401)
            }
            let ping: JSONValue = ["jsonrpc": "2.0", "id": 1, "method": "ping"]
            #expect(try await Gate.send(gate.client, ping, session: nil).head.status == 400)
            #expect(try await Gate.send(gate.client, ping, session: "x").head.status == 404)
            for text in ["", "[]", "{}", #"{"jsonrpc":"2.0"}"#, #"{"jsonrpc":"2.0","method":1}"#] {
                let body = HTTPClient.Body.bytes(Array(text.utf8))
                let answer = try await gate.client.send(Gate.head("POST", session: gate.session), body: body)
                #expect(answer.head.status == 400, "\(text)")
            }
            let end = try await gate.client.send(Gate.head("DELETE", session: gate.session))
            #expect(end.head.status == 200)
            #expect(try await Gate.send(gate.client, ping, session: gate.session).head.status == 404)
        }
    }

    @Test func `keeps its own environment from its servers`() async throws {
        try await Gate.with(["one": Gate.server("one", ["env": ["OWN": "value"]])]) { gate in
            let variables = try JSONValue(parsing: Array(try await gate.call("one__variables").utf8))
            #expect(variables["OWN"] == "value" && variables["PATH"] != nil)
            #expect(variables["GATEWAY_ACCESS_TOKEN"] == nil && variables["MARTLET_TEST_HOME"] == nil)
        }
    }

    @Test func `passes on progress under the client's own token`() async throws {
        try await Gate.with(["one": Gate.server("one")]) { gate in
            let params: JSONValue = ["name": "one__progress", "arguments": [:], "_meta": ["progressToken": "mine"]]
            let message: JSONValue = ["jsonrpc": "2.0", "id": "r", "method": "tools/call", "params": params]
            let answer = try await Gate.send(gate.client, message, session: gate.session)
            var parser = EventStreamParser(limit: 100_000)
            let events = try parser.add(answer.body).map { try JSONValue(parsing: $0) }
            #expect(events.dropLast().map { $0["params"]?["progressToken"] } == ["mine", "mine", "mine"])
            #expect(events.last?["id"] == "r" && events.last?["result"]?["content"]?[0]?["text"] == "done")
        }
    }

    @Test func `tells a server that its request was cancelled`() async throws {
        try await Gate.with(["one": Gate.server("one")]) { gate in
            async let hanging = gate.call("one__hang", id: "h")
            let cancel: JSONValue = [
                "jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": "h"],
            ]
            let heard = try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                // It is nothing to cancel until it is under way.
                _ = try await Gate.send(gate.client, cancel, session: gate.session)
                let heard = try await gate.call("one__heard")
                return heard.contains("notifications/cancelled") ? heard : nil
            }
            #expect(heard.contains("requestId"))
            #expect(try await hanging.contains("cancelled"))
        }
    }

    @Test func `tells all who listen that a list has changed`() async throws {
        try await Gate.with(["one": Gate.server("one"), "two": Gate.server("two", ["tools": ["grow"]])]) { gate in
            let listening = Latch<Void>()
            let heard = Task {
                try await gate.client.withResponse(to: Gate.head("GET", session: gate.session)) { response in
                    listening.set(())
                    var parser = EventStreamParser(limit: 100_000)
                    while true {
                        let bytes = try await response.body.read()
                        if bytes.isEmpty { return "the stream ended" }
                        if let event = try parser.add(bytes).first { return String(decoding: event, as: UTF8.self) }
                    }
                }
            }
            try await listening.value()
            #expect(try await gate.call("one__grow") == "grown")
            #expect(try await heard.value.contains("notifications/tools/list_changed"))
            #expect(try await gate.names("tools/list", "tools").contains("one__grown"))
            // Of what is not allowed, nothing grows.
            #expect(try await gate.call("two__grow") == "grown")
            #expect(try await !gate.names("tools/list", "tools").contains("two__grown"))
        }
    }
}

@Suite struct `a server behind the gateway` {
    @Test(arguments: [("crash", "I fall"), ("shout", "8 MiB"), ("flood", "that nobody asked for")])
    func `that fails is started again, and the others are not disturbed`(tool: String, words: String) async throws {
        try await Gate.with(["bad": Gate.server("bad"), "good": Gate.server("good")]) { gate in
            let said = try await gate.call("bad__\(tool)")
            #expect(said.contains("The server 'bad' is not there") && said.contains(words), "\(said)")
            #expect(try await gate.call("good__echo", ["text": "a"]) == "good: a")
            _ = try await retrying(every: .milliseconds(50), for: .seconds(60)) {
                try await gate.call("bad__echo", ["text": "again"]) == "bad: again" ? () : nil
            }
        }
    }

    @Test func `that hangs is not waited for longer than it may take`() async throws {
        try await Gate.with(["slow": Gate.server("slow", ["timeout": 1])]) { gate in
            let late = try await gate.call("slow__hang")
            #expect(late.contains("did not answer 'tools/call' within 1 seconds"), "\(late)")
            let next = try await gate.call("slow__echo", ["text": "still"])
            #expect(next == "slow: still")
        }
    }

    @Test func `that does not start fails the gateway, with its last words`() async throws {
        let mark = "/tmp/mcp-\(Random.name(10))"
        try Files.write([], to: mark)
        defer { try? Files.remove(mark) }
        await #expect {
            try await Gate.with(["one": Gate.server("one", mark: mark)]) { _ in }
        } throws: { error in
            "\(error)".contains("The server 'one' did not start") && "\(error)".contains("I do not start twice")
        }
    }

    @Test func `may be another server over HTTP`() async throws {
        try await Gate.with(["one": Gate.server("one")]) { inner in
            let headers: JSONValue = ["Authorization": .string("Bearer \(Gate.token)")]
            let far: JSONValue = ["url": .string(inner.url), "headers": headers]
            try await Gate.with(["far": far]) { gate in
                let said = try await gate.call("far__one__echo", ["text": "a"])
                #expect(said == "one: a")
                let fallen = try await gate.call("far__one__crash")
                #expect(fallen.contains("I fall"), "\(fallen)")
            }
        }
    }
}
