import HTTP
import Linux
import Testing
import Wire

@testable import Gateway

private struct Mishap: Error {}

@Suite struct `the model endpoint` {
    @Test(arguments: ["", "/sandbox/abc"])
    func `gives the upstream its own credential, and nothing of the guest's`(prefix: String) async throws {
        let seen = Seen<RequestHead>()
        try await Gate.with(prefix: prefix) { exchange in
            seen.add(exchange.request)
            try await exchange.respond(200, body: try await exchange.body.collect(limit: 100))
        } _: { gate in
            var head = gate.message
            for (name, value) in [
                ("x-api-key", "dummy"), ("Authorization", "Bearer dummy"), ("Proxy-Authorization", "Basic dummy"),
                ("Cookie", "dummy"), ("Connection", "keep-alive, X-App"), ("Accept-Encoding", "gzip, br"),
                ("X-Forwarded-For", "10.0.2.15"), ("TE", "trailers"), ("anthropic-version", "2023-06-01"),
                ("anthropic-beta", "a,b"), ("X-Claude-Code-Session-Id", "s"), ("User-Agent", "claude-cli"),
                ("X-Stainless-Retry-Count", "0"),
            ] { head.headers.add(name, value) }
            let answer = try await gate.client.send(head, body: .bytes(Array("hello".utf8)))
            #expect(answer.body == Array("hello".utf8))
            let asked = try #require(seen.all.first)
            #expect(asked.target == "\(prefix)/v1/messages?beta=true")
            #expect(asked.headers.values("x-api-key") == ["the-real-key"])
            #expect(asked.headers["Accept-Encoding"] == "identity")
            #expect(asked.headers["anthropic-beta"] == "a,b" && asked.headers["X-Claude-Code-Session-Id"] == "s")
            #expect(asked.headers["User-Agent"] == "claude-cli" && asked.headers["Content-Length"] == "5")
            #expect(asked.headers["Host"] != "gate")
            #expect(!asked.headers.fields.contains { $0.value.contains("dummy") || $0.value.contains("10.0.2.15") })
        }
    }

    @Test func `gives a token as one`() async throws {
        let seen = Seen<RequestHead>()
        try await Gate.with(credential: .token(Secret("the-token"))) { exchange in
            seen.add(exchange.request)
            try await exchange.respond(200)
        } _: { gate in
            _ = try await gate.ask()
            #expect(seen.all.first?.headers["Authorization"] == "Bearer the-token")
            #expect(seen.all.first?.headers["x-api-key"] == nil)
        }
    }

    @Test func `sends no request anywhere else, however it is spelled`() async throws {
        let seen = Seen<RequestHead>()
        try await Gate.with { exchange in
            seen.add(exchange.request)
            try await exchange.respond(200)
        } _: { gate in
            for (method, target) in [
                ("GET", "/v1/messages"), ("POST", "/v1/files"), ("POST", "/v1/messages/"), ("POST", "/v1//messages"),
                ("POST", "/v1/messages/../files"), ("POST", "/v1/messages%2f..%2ffiles"), ("GET", "/"),
                ("OPTIONS", "*"),
                ("POST", "http://evil/v1/files"), ("DELETE", "/v1/models"), ("POST", "/api/hello"),
                ("GET", "/v1/organizations/me?x=/v1/models"),
            ] {
                let answer = try await gate.client.send(
                    RequestHead(method: method, target: target, headers: ["Host": "x"])
                )
                #expect(answer.head.status == 404, "\(method) \(target)")
                #expect(try apiError(answer.body)?["type"] == "not_found_error")
            }
            #expect(seen.all.isEmpty)
            // An absolute target is read for its path; the upstream is asked for that alone.
            let absolute = RequestHead(method: "POST", target: "http://evil/v1/messages?a=b", headers: ["Host": "x"])
            #expect(try await gate.client.send(absolute).head.status == 200)
            #expect(seen.all.map(\.target) == ["/v1/messages?a=b"])
            #expect(seen.all.first?.headers["Host"]?.hasPrefix("127.0.0.1:") == true)
        }
    }

    @Test func `passes every byte on as it comes`() async throws {
        let turns = AsyncStream<Int>.makeStream()
        let bytes = Array(eventStream.utf8)
        try await Gate.with { exchange in
            let writer = try exchange.start(200, ["Content-Type": "text/event-stream; charset=utf-8"])
            try await writer.flush()
            // The next byte is written only when the guest has had the last.
            for await turn in turns.stream {
                if turn == bytes.count { break }
                try await writer.write([bytes[turn]])
            }
        } _: { gate in
            let received = try await gate.client.withResponse(to: gate.message, body: .bytes([1])) { response in
                #expect(response.head.headers["Content-Type"] == "text/event-stream; charset=utf-8")
                turns.continuation.yield(0)
                var all: [UInt8] = []
                while true {
                    let next = try await response.body.read()
                    if next.isEmpty { return all }
                    all += next
                    turns.continuation.yield(all.count)
                }
            }
            #expect(received == bytes)
            #expect(gate.endpoint.usage.report.inputTokens == 100 && gate.endpoint.usage.report.outputTokens == 20)
            #expect(gate.endpoint.usage.costUSD.map { abs($0 - 0.0008) < 1e-12 } == true)
        }
    }

    @Test func `passes a large body through in both directions`() async throws {
        try await Gate.with { exchange in
            let writer = try exchange.start(200, length: exchange.body.remaining)
            while true {
                let bytes = try await exchange.body.read()
                if bytes.isEmpty { break }
                try await writer.write(bytes)
            }
        } _: { gate in
            let bytes = [UInt8](repeating: 77, count: 20_000_000)
            let answer = try await gate.client.send(gate.message, body: .bytes(bytes))
            #expect(answer.body == bytes)
            #expect(answer.head.headers["Content-Length"] == "20000000")
            let chunked = HTTPClient.Body.stream(length: nil) { try await $0.write(Array(bytes.prefix(100_000))) }
            #expect(try await gate.client.send(gate.message, body: chunked).body == Array(bytes.prefix(100_000)))
        }
    }

    @Test func `refuses a body that is too large, in the API's own words`() async throws {
        let seen = Seen<Int>()
        try await Gate.with { exchange in
            seen.add(1)
            try await exchange.respond(200)
        } _: { gate in
            let body = HTTPClient.Body.stream(length: 64 * 1024 * 1024 + 1) { writer in
                while true { try await writer.write([UInt8](repeating: 0, count: 65_536)) }
            }
            let answer = try await gate.client.send(gate.message, body: body)
            #expect(answer.head.status == 413)
            #expect(try apiError(answer.body)?["type"] == "request_too_large")
            #expect(seen.all.isEmpty)
        }
    }

    @Test(arguments: [400, 401, 403, 429, 500, 529])
    func `passes on errors with their headers, and counts nothing for them`(status: Int) async throws {
        let body = Array(#"{"type":"error","error":{"type":"x","message":"y"},"usage":{"input_tokens":5}}"#.utf8)
        try await Gate.with { exchange in
            let headers: Headers = [
                "retry-after": "7", "request-id": "req_1", "anthropic-ratelimit-tokens-remaining": "0",
                "Content-Type": "application/json", "Keep-Alive": "timeout=5",
            ]
            try await exchange.respond(status, headers, body: body)
        } _: { gate in
            let answer = try await gate.ask()
            #expect(answer.head.status == status)
            #expect(answer.head.headers["retry-after"] == "7" && answer.head.headers["request-id"] == "req_1")
            #expect(answer.head.headers["anthropic-ratelimit-tokens-remaining"] == "0")
            #expect(answer.head.headers["Keep-Alive"] == nil)
            #expect(answer.body == body)
            #expect(gate.endpoint.usage == ModelUsage())
        }
    }

    @Test func `shows the guest that a stream was cut, and counts what came`() async throws {
        try await Gate.with { exchange in
            let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
            try await writer.write(Array(eventStream.utf8.prefix(200)))
            throw Mishap()
        } _: { gate in
            let error = await #expect(throws: HTTPError.self) { _ = try await gate.ask() }
            #expect(error?.status == 502)
            #expect(gate.endpoint.usage.report.inputTokens == 100)
        }
    }

    @Test func `says that the upstream can not be reached, or does not answer`() async throws {
        // A port that nobody is given by chance, as one that was just closed may be.
        let nowhere = "http://127.0.0.1:1"
        let upstream = try ModelUpstream(baseURL: nowhere, credential: .none)
        try await Gate.with(ModelEndpoint(upstream: upstream, purse: .test())) { gate in
            for body in ["", "{}"] {
                let answer = try await gate.ask(body)
                #expect(answer.head.status == 502)
                #expect(try apiError(answer.body)?["type"] == "api_error")
                #expect(try apiError(answer.body)?["message"]?.string?.contains(nowhere) == true)
            }
        }
        let silent = ModelEndpoint(upstream: upstream, purse: .test()) {
            let (mine, other) = try pair()
            other.close()
            return mine
        }
        try await Gate.with(silent) { gate in
            let answer = try await gate.ask()
            #expect(answer.head.status == 502)
            #expect(try apiError(answer.body)?["type"] == "api_error")
        }
    }

    @Test func `cuts the upstream when the guest goes away, while it waits and while it streams`() async throws {
        for isStreaming in [false, true] {
            let begun = Latch<Void>()
            let cut = Latch<Void>()
            try await Gate.with { exchange in
                _ = try await exchange.body.collect(limit: 100)
                if isStreaming {
                    let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
                    try await writer.write(Array(eventStream.utf8.prefix(200)))
                }
                begun.set(())
                try await exchange.clientGone()
                cut.set(())
            } _: { gate in
                let task = Task { try await gate.ask() }
                try await begun.value()
                task.cancel()
                _ = await task.result
                try await cut.value()
            }
        }
    }

    @Test func `cuts the upstream when the guest goes away inside its request`() async throws {
        let told = Latch<Void>()
        try await Gate.with { exchange in
            do { _ = try await exchange.body.collect(limit: 1000) } catch { told.set(()) }
        } _: { gate in
            let connection = try await Channel.connect(to: gate.address)
            let head = "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"
            try await connection.write(Array(head.utf8))
            connection.close()
            try await told.value()
        }
    }

    @Test func `counts a compressed answer as one of unknown cost, and passes it on`() async throws {
        try await Gate.with { exchange in
            try await exchange.respond(200, ["Content-Encoding": "gzip"], body: [31, 139, 8, 0])
        } _: { gate in
            let answer = try await gate.ask()
            #expect(answer.body == [31, 139, 8, 0] && answer.head.headers["Content-Encoding"] == "gzip")
            #expect(gate.endpoint.usage.report.requests == 1 && gate.endpoint.usage.costUSD == nil)
        }
    }

    @Test func `answers a check of the connection, which has no body`() async throws {
        try await Gate.with { exchange in
            #expect(exchange.request.method == "HEAD")
            try await exchange.respond(200, body: Array("hello".utf8))
        } _: { gate in
            let head = RequestHead(method: "HEAD", target: "/api/hello", headers: ["Host": "x"])
            for _ in 0..<2 {
                let answer = try await gate.client.send(head)
                #expect(answer.head.status == 200 && answer.body.isEmpty)
            }
        }
    }

    @Test(arguments: ["https://api.anthropic.com", "https://api.anthropic.com/"])
    func `asks for a credential where one is needed`(url: String) async throws {
        let upstream = try ModelUpstream(baseURL: url, credential: .none)
        try await Gate.with(ModelEndpoint(upstream: upstream, purse: .test())) { gate in
            let answer = try await gate.ask()
            #expect(answer.head.status == 403)
            #expect(try apiError(answer.body)?["type"] == "authentication_error")
            #expect(try apiError(answer.body)?["message"]?.string?.hasPrefix("No model credential: ") == true)
        }
    }

    @Test func `shows its credential to nobody who prints it`() throws {
        let upstream = try ModelUpstream(baseURL: "http://h", credential: .apiKey(Secret("the-real-key")))
        #expect(!"\(upstream)".contains("the-real-key"))
        let error = #expect(throws: GatewayError.self) {
            try ModelUpstream(baseURL: "http://user:pass@h", credential: .none)
        }
        #expect(error?.message.hasPrefix("'…@h' is no address of a model") == true)
    }
}
