import Cassettes
import HTTP
import Linux
import Testing
import Wire

@testable import Gateway

@Suite struct `a model on a cassette` {
    private func inFolder(_ body: (String) async throws -> Void) async throws {
        let folder = "/tmp/deck-\(Random.name(10))"
        defer { try? Files.remove(folder) }
        try await body(folder)
    }

    private func upstream(_ address: SocketAddress) throws -> ModelUpstream {
        try ModelUpstream(baseURL: "http://\(address)", credential: .apiKey(Secret("the-real-key")))
    }

    private let body =
        #"{"model":"claude-opus-5-5","max_tokens":20,"messages":[{"content":"my key is the-other-secret"}]}"#

    @Test func `is recorded once, and then needs no upstream and no credential`() async throws {
        try await inFolder { folder in
            let redaction = Redaction(["key": Secret("the-real-key"), "other": Secret("the-other-secret")])
            let recording = try Cassette(folder, .record, redaction: redaction)
            try await withServer { exchange in
                _ = try await exchange.body.collect(limit: 10_000)
                try await exchange.respond(
                    200,
                    ["Content-Type": "text/event-stream"],
                    body: Array(eventStream.replacing("usage message_delta", with: "the-real-key").utf8)
                )
            } _: { address in
                let endpoint = ModelEndpoint(upstream: try upstream(address), purse: .test(), cassette: recording)
                try await Gate.with(endpoint) { gate in
                    let answer = try await gate.ask(body)
                    #expect(answer.head.status == 200)
                    #expect(gate.endpoint.usage.costUSD == 0.0008)
                }
            }
            for name in Files.list(folder) {
                let text = String(decoding: try Files.read("\(folder)/\(name)"), as: UTF8.self)
                #expect(!text.contains("the-real-key") && !text.contains("the-other-secret"))
                #expect(text.contains("‹secret key›") && text.contains("‹secret other›"))
            }
            let nowhere = try ModelUpstream(baseURL: ModelUpstream.anthropic, credential: .none)
            let cassette = try Cassette(folder, .replay, redaction: redaction)
            try await Gate.with(ModelEndpoint(upstream: nowhere, purse: .test(), cassette: cassette)) { gate in
                let answer = try await gate.ask(body)
                #expect(answer.head.status == 200 && answer.head.headers["Content-Type"] == "text/event-stream")
                var meter = UsageMeter(isEventStream: true)
                meter.add(answer.body)
                meter.finish()
                #expect(meter.tokens == TokenCount(input: 100, output: 20))
                #expect(gate.endpoint.usage == ModelUsage())
                let hello = RequestHead(method: "HEAD", target: "/api/hello", headers: ["Host": "x"])
                let greeting = try await gate.client.send(hello)
                #expect(greeting.head.status == 200)
                let miss = try await gate.ask(#"{"model":"claude-opus-5-5","messages":[]}"#)
                #expect(miss.head.status == 400)
                let message = try #require(try apiError(miss.body)?["message"]?.string)
                #expect(message.contains("+ messages[0]: nothing"), "\(message)")
            }
        }
    }

    @Test func `asks in hybrid mode for what was not recorded`() async throws {
        try await inFolder { folder in
            let seen = Seen<String>()
            try await withServer { exchange in
                seen.add(String(decoding: try await exchange.body.collect(limit: 10_000), as: UTF8.self))
                try await exchange.respond(200, ["Content-Type": "application/json"], body: Array("{}".utf8))
            } _: { address in
                for _ in 0..<2 {
                    let cassette = try Cassette(folder, .hybrid)
                    let endpoint = ModelEndpoint(upstream: try upstream(address), purse: .test(), cassette: cassette)
                    try await Gate.with(endpoint) { gate in
                        for text in [#"{"q":1}"#, #"{"q":2}"#] {
                            let answer = try await gate.ask(text)
                            #expect(answer.body == Array("{}".utf8))
                        }
                    }
                }
            }
            #expect(seen.all.count == 2 && Files.list(folder).count == 2)
        }
    }

    @Test func `does not keep an answer that was cut`() async throws {
        try await inFolder { folder in
            let cassette = try Cassette(folder, .record)
            try await withServer { exchange in
                let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
                try await writer.write(Array(eventStream.utf8.prefix(200)))
                throw HTTPError(500, "cut")
            } _: { address in
                let endpoint = ModelEndpoint(upstream: try upstream(address), purse: .test(), cassette: cassette)
                try await Gate.with(endpoint) { gate in _ = try? await gate.ask(body) }
            }
            #expect(Files.list(folder).isEmpty)
        }
    }
}
