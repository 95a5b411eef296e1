import FoundationEssentials
import HTTP
import Linux
import Records
import Synchronization
import Testing
import Wire

@testable import Gateway

@Suite struct `a budget at the model endpoint` {
    private static func body(_ maxTokens: Int = 20, model: String = "claude-opus-5-5") -> String {
        #"{"model":"\#(model)","max_tokens":\#(maxTokens),"messages":[]}"#
    }

    private static func told(_ input: Int, _ output: Int, model: String = "claude-opus-5-5") -> [UInt8] {
        Array(#"{"model":"\#(model)","usage":{"input_tokens":\#(input),"output_tokens":\#(output)}}"#.utf8)
    }

    private static let json: Headers = ["Content-Type": "application/json"]

    @Test func `refuses messages once it is spent, and nothing else`() async throws {
        let seen = Seen<String>()
        try await Gate.with(budgetUSD: 0.0015) { exchange in
            seen.add(exchange.request.path)
            let isMessage = exchange.request.path == "/v1/messages"
            try await exchange.respond(200, Self.json, body: isMessage ? Self.told(100, 20) : [])
        } _: { gate in
            // The second may cost more than is left and goes ahead all the same, alone.
            for _ in 0..<2 { try await gate.expect(200, Self.body()) }
            #expect(gate.endpoint.usage.costUSD == 0.0016)
            let refused = try await gate.ask(Self.body())
            #expect(refused.head.status == 403)
            #expect(try apiError(refused.body)?["type"] == "billing_error")
            #expect(gate.endpoint.usage.budgetRefusals == 1 && seen.all.count == 2)
            #expect(
                gate.endpoint.usage.budgetRefusal?.hasPrefix("The run's budget of 0.0015 dollars is used up") == true
            )
            let counting = RequestHead(method: "POST", target: "/v1/messages/count_tokens", headers: ["Host": "x"])
            #expect(try await gate.client.send(counting).head.status == 200)
        }
    }

    @Test func `is not passed by fifty requests at once`() async throws {
        let spent = Mutex(0)
        let budget = Money(dollars: 0.05)
        try await Gate.with(budgetUSD: budget.dollars) { exchange in
            let request = try JSONValue(parsing: try await exchange.body.collect(limit: 10_000))
            // The model says as much as it may.
            let output = Int(request["max_tokens"]?.integer ?? 0)
            spent.withLock { $0 += output * 20_000 + 10 * 4000 }
            try await exchange.respond(200, Self.json, body: Self.told(10, output))
        } _: { gate in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 { group.addTask { try await gate.ask(Self.body(2000)).head.status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.contains(200) && statuses.contains(403) && Set(statuses) == [200, 403])
            let real = Money(nanodollars: Int64(spent.withLock { $0 }))
            // The last one alone may pass it: by its least output, whatever it asked for.
            #expect(real < budget + Money(nanodollars: 1024 * 20_000 + 10 * 4000))
            #expect(gate.endpoint.usage.knownCost == real)
        }
    }

    @Test func `has room for an agent's first request, however small it is`() async throws {
        let seen = Seen<JSONValue>()
        // Claude Code's, with its tools and instructions.
        let text = String(repeating: "Use this tool for reading files. ", count: 3000)
        let body =
            #"{"model":"claude-opus-5-5","max_tokens":64000,"system":[{"text":"\#(text)","cache_control":{"ttl":"1h"}}]}"#
        try await Gate.with(budgetUSD: 0.01) { exchange in
            seen.add(try JSONValue(parsing: try await exchange.body.collect(limit: 1_000_000)))
            try await exchange.respond(200, Self.json, body: Self.told(100, 20))
        } _: { gate in
            try await gate.expect(200, body)
            #expect(seen.all.first?["max_tokens"] == 1024)
        }
        // One that could pass the budget by dollars is refused.
        let long = body.replacing(text, with: String(repeating: text, count: 4))
        try await Gate.with(budgetUSD: 0.01) { exchange in
            try await exchange.respond(200, Self.json, body: Self.told(100, 20))
        } _: { gate in
            try await gate.expect(403, long)
            #expect(gate.endpoint.usage.report.requests == 0)
        }
    }

    @Test func `lowers the tokens that are asked for to what there is money for`() async throws {
        let seen = Seen<JSONValue>()
        try await Gate.with(budgetUSD: 0.1) { exchange in
            seen.add(try JSONValue(parsing: try await exchange.body.collect(limit: 10_000)))
            try await exchange.respond(200, Self.json, body: Self.told(1, 1))
        } _: { gate in
            try await gate.expect(200, Self.body(128_000))
            let asked = try #require(seen.all.first?["max_tokens"]?.integer)
            #expect((1024...5000).contains(asked))
            #expect(seen.all.first?["model"] == "claude-opus-5-5" && seen.all.first?["messages"] == [])
        }
    }

    @Test func `in dollars refuses a model of unknown price, and in tokens does not`() async throws {
        let ledger = Ledger()
        ledger.open(.key("k"), limit: Ledger.Limit(tokens: 9000))
        let answer: HTTPServer.Handler = { exchange in
            try await exchange.respond(200, Self.json, body: Self.told(5000, 4500, model: "mine"))
        }
        try await Gate.with(budgetUSD: 1, upstream: answer) { gate in
            let refused = try await gate.ask(Self.body(model: "mine"))
            #expect(refused.head.status == 403)
            #expect(try apiError(refused.body)?["message"]?.string?.contains("The price of the model 'mine'") == true)
        }
        try await Gate.with(accounts: (ledger, [.key("k")]), upstream: answer) { gate in
            try await gate.expect(200, Self.body(4000, model: "mine"))
            #expect(gate.endpoint.usage.costUSD == nil)
            try await gate.expect(403, Self.body(4000, model: "mine"))
            #expect(ledger.spent(.key("k")).tokens == 9500)
        }
    }

    @Test(arguments: [400, 429, 500, 529])
    func `costs nothing when the upstream refuses`(status: Int) async throws {
        try await Gate.with(budgetUSD: 0.001) { exchange in
            try await exchange.respond(status, ["retry-after": "3"], body: Array("x".utf8))
        } _: { gate in
            for _ in 0..<20 {
                let answer = try await gate.ask(Self.body())
                #expect(answer.head.status == status && answer.head.headers["retry-after"] == "3")
            }
            #expect(gate.endpoint.usage == ModelUsage())
        }
    }

    @Test func `costs nothing when the upstream can not be reached`() async throws {
        let upstream = try ModelUpstream(baseURL: "http://127.0.0.1:1", credential: .none)
        try await Gate.with(ModelEndpoint(upstream: upstream, purse: .test(0.001))) { gate in
            for _ in 0..<5 { try await gate.expect(502, Self.body()) }
            #expect(gate.endpoint.usage == ModelUsage())
        }
    }

    @Test func `counts the content of a stream that is cut before it tells its usage`() async throws {
        let words = String(repeating: "word ", count: 400)
        let delta = #"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(words)"}}"#
        try await Gate.with(budgetUSD: 1) { exchange in
            let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
            try await writer.write(Array(eventStream.utf8.prefix(150)))
            try await writer.write(Array("\n\nevent: content_block_delta\n\(delta)\n\n".utf8))
            throw HTTPError(500, "cut")
        } _: { gate in
            _ = try? await gate.ask(Self.body(5000))
            #expect((400...700).contains(gate.endpoint.usage.report.outputTokens))
            #expect(gate.endpoint.purse.ledger.spent(.run("r")).dollars == gate.endpoint.usage.knownCost)
        }
    }

    @Test func `counts a request whose answer the guest did not wait for`() async throws {
        let begun = Latch<Void>()
        try await Gate.with(budgetUSD: 1) { exchange in
            _ = try await exchange.body.collect(limit: 10_000)
            begun.set(())
            try await exchange.clientGone()
        } _: { gate in
            let task = Task { try await gate.ask(Self.body()) }
            try await begun.value()
            task.cancel()
            _ = await task.result
            _ = try await retrying(every: .milliseconds(2), for: .seconds(60)) {
                gate.endpoint.usage.report.inputTokens > 0 ? true : nil
            }
        }
    }

    @Test(arguments: [
        #"{"model":"claude-opus-5-5"}"#, #"{"model":"claude-opus-5-5","usage":{}}"#, "not json",
        #"{"model":"claude-opus-5-5","usage":{"input_tokens":-5,"output_tokens":-1}}"#,
    ])
    func `does not believe that an answer cost nothing`(answer: String) async throws {
        try await Gate.with(budgetUSD: 0.03) { exchange in
            try await exchange.respond(200, Self.json, body: Array(answer.utf8))
        } _: { gate in
            try await gate.expect(200, Self.body(900))
            #expect(gate.endpoint.usage.report.inputTokens > 0)
            #expect(gate.endpoint.purse.ledger.spent(.run("r")).dollars > .zero)
        }
    }

    /// It was asked not to be, so nobody can be fooled by it: it counts as all that was set aside for it.
    @Test func `counts an answer that came compressed all the same`() async throws {
        let packed: [UInt8] = [31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 171, 174, 5, 0]
        try await Gate.with(budgetUSD: 5) { exchange in
            #expect(exchange.request.headers["Accept-Encoding"] == "identity")
            try await exchange.respond(200, ["Content-Encoding": "gzip"], body: packed)
        } _: { gate in
            var message = gate.message
            message.headers["Accept-Encoding"] = "gzip"
            let answer = try await gate.client.send(message, body: .bytes(Array(Self.body(900).utf8)))
            #expect(answer.head.headers["Content-Encoding"] == "gzip" && answer.body == packed)
            let report = gate.endpoint.usage.report
            #expect(report.outputTokens == 900 && report.inputTokens > 0 && report.requests == 1)
            #expect(gate.endpoint.purse.ledger.spent(.run("r")).dollars > .zero)
        }
    }

    @Test func `refuses a request that is compressed, which nobody could reckon`() async throws {
        let asked = Seen<RequestHead>()
        try await Gate.with(budgetUSD: 5) { exchange in
            asked.add(exchange.request)
            try await exchange.respond(200, Self.json, body: Self.told(100, 20))
        } _: { gate in
            var message = gate.message
            message.headers["Content-Encoding"] = "gzip"
            let answer = try await gate.client.send(message, body: .bytes([31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0]))
            #expect(answer.head.status == 400 && asked.all.isEmpty)
            // Said to be, and plain: the upstream is not told so, and reads what was reckoned.
            #expect(try await gate.client.send(message, body: .bytes(Array(Self.body(9).utf8))).head.status == 200)
            #expect(asked.all.map { $0.headers["Content-Encoding"] } == [nil])
        }
    }

    @Test func `does not believe usage that the content belies`() async throws {
        let words = String(repeating: "word ", count: 4000)
        let delta = #"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\#(words)"}}"#
        let stream = eventStream.replacing("\"output_tokens\":20", with: "\"output_tokens\":1")
            .replacing("event: message_delta", with: "event: content_block_delta\n\(delta)\n\nevent: message_delta")
        try await Gate.with(budgetUSD: 5) { exchange in
            try await exchange.respond(200, ["Content-Type": "text/event-stream"], body: Array(stream.utf8))
        } _: { gate in
            let answer = try await gate.ask(Self.body(9000))
            #expect(answer.body == Array(stream.utf8))
            #expect((4000...6000).contains(gate.endpoint.usage.report.outputTokens))
        }
    }

    @Test func `writes down what every request came to`() async throws {
        let folder = "/tmp/usage-\(Random.name(10))"
        try Files.makeDirectory(folder)
        defer { try? Files.remove(folder) }
        let database = try await Database(path: "\(folder)/martlet.db", migrations: Migration.all)
        let records = UsageRecords(database)
        try await Gate.with(budgetUSD: 1, records: records) { exchange in
            try await exchange.respond(200, Self.json, body: Self.told(100, 20))
        } _: { gate in
            for _ in 0..<3 { _ = try await gate.ask(Self.body()) }
            let sums = try await retrying(every: .milliseconds(5), for: .seconds(60)) {
                let sums = try await records.sums(run: "r")
                return sums.first?.requests == 3 ? sums : nil
            }
            #expect(sums.map(\.group) == ["claude-opus-5-5"] && sums[0].isCostKnown)
            #expect(sums[0].tokens == TokenCount(input: 300, output: 60))
            #expect(sums[0].cost == Money(dollars: 0.0024))
            #expect(try await records.spent(by: nil, since: Date(timeIntervalSinceNow: -60)).tokens == 360)
            #expect(try await records.spent(by: "somebody", since: .distantPast) == .zero)
            for (grouping, name) in [(UsageRecords.Grouping.run, "r"), (.sandbox, "isandbox"), (.key, nil)] {
                let sums = try await records.sums(by: grouping)
                #expect(sums.map(\.group) == [name] && sums[0].requests == 3)
            }
            let day = try #require(try await records.sums(by: .day).first?.group)
            #expect(Date().formatted(.iso8601).hasPrefix(day) || Date() < sums[0].last.addingTimeInterval(86_400))
            #expect(try await records.sums(from: Date(timeIntervalSinceNow: 60)) == [])
        }
        await database.close()
    }

    @Test func `refuses a request that could be read in two ways`() async throws {
        try await Gate.with(budgetUSD: 1) { exchange in
            try await exchange.respond(200)
        } _: { gate in
            for text in [#"{"model":"a","model":"b","max_tokens":1}"#, "x", ""] {
                let answer = try await gate.ask(text)
                #expect(answer.head.status == 400)
                #expect(try apiError(answer.body)?["type"] == "invalid_request_error")
            }
        }
    }
}

extension Gate {
    /// Asks, for an answer of this status.
    fileprivate func expect(_ status: Int, _ text: String) async throws {
        let answer = try await ask(text)
        #expect(answer.head.status == status)
    }
}
