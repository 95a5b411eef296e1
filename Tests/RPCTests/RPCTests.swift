import FoundationEssentials
import HTTP
import Linux
import RPC
import Testing
import Wire

private struct Number: Codable, Sendable, Hashable { var n: Int }

private enum Double: UnaryCall {
    static let name = "test.Test/Double"
    typealias Request = Number
    typealias Response = Number
}

private enum Count: StreamingCall {
    static let name = "test.Test/Count"
    typealias Request = Number
    typealias Event = Number
}

private enum Sum: ClientStreamingCall {
    static let name = "test.Test/Sum"
    typealias Message = Number
    typealias Response = Number
}

private struct Mishap: Error {}

private func withCalls<Result: Sendable>(
    _ router: CallRouter,
    _ body: @Sendable (CallClient, SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
    let server = HTTPServer { exchange in
        if try await !router.route(exchange) { throw HTTPError(404, "There is no '\(exchange.request.path)'") }
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run(on: listener) }
        defer {
            group.cancelAll()
            listener.close()
        }
        let address = listener.address
        let http = HTTPClient { try await Channel.connect(to: address) }
        return try await body(CallClient(http: http, headers: ["Host": "test"]), address)
    }
}

private let router: CallRouter = {
    var router = CallRouter()
    router.on(Double.self) { request, context in
        switch request.n {
        case -1: throw CallError(.notFound, "There is no -1")
        case -2: throw Mishap()
        case -3: throw HTTPError(413, "too much")
        default: return Number(n: request.n * 2)
        }
    }
    router.on(Count.self) { request, context, events in
        for n in 0..<abs(request.n) { try await events.send(Number(n: n)) }
        if request.n < 0 { throw CallError(.aborted, "enough") }
    }
    router.on(Sum.self) { messages, context in
        var (messages, sum) = (messages, 0)
        while let message = try await messages.next() {
            sum += message.n
            if sum > 1000 { throw CallError(.outOfRange, "more than 1000") }
        }
        return Number(n: sum)
    }
    return router
}()

@Suite struct `an envelope` {
    private static let stream: [Envelope] = [
        Envelope(payload: []), Envelope(payload: Array("hello".utf8)),
        Envelope(payload: [UInt8](repeating: 1, count: 300)),
        Envelope(payload: Array("{}".utf8), isEnd: true),
    ]

    @Test(arguments: [1, 2, 3, 5, 7, 100, 10_000])
    func `comes out the same in whatever pieces it arrives`(size: Int) throws {
        var decoder = EnvelopeDecoder()
        var rest = Self.stream.flatMap(\.encoded)[...]
        var found: [Envelope] = []
        while !rest.isEmpty {
            decoder.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let envelope = try decoder.next() { found.append(envelope) }
        }
        #expect(found == Self.stream)
        #expect(!decoder.isInsideEnvelope)
    }

    @Test func `is refused when it is compressed, of unknown kind or too large, before it arrives`() {
        for (head, code): ([UInt8], CallError.Code) in [
            ([1, 0, 0, 0, 1], .invalidArgument), ([3, 0, 0, 0, 1], .invalidArgument),
            ([128, 0, 0, 0, 1], .invalidArgument), ([0, 4, 0, 0, 1], .resourceExhausted),
            ([0, 255, 255, 255, 255], .resourceExhausted),
        ] {
            var decoder = EnvelopeDecoder()
            decoder.add(head)
            let error = #expect(throws: CallError.self) { try decoder.next() }
            #expect(error?.code == code)
        }
    }

    @Test func `of many megabytes is put together in one pass`() throws {
        var decoder = EnvelopeDecoder()
        let envelope = Envelope(payload: [UInt8](repeating: 9, count: 10_000_000))
        var rest = envelope.encoded[...]
        var found: Envelope?
        while !rest.isEmpty {
            decoder.add(Array(rest.prefix(65_536)))
            rest = rest.dropFirst(65_536)
            if let next = try decoder.next() { found = next }
        }
        #expect(found == envelope)
    }
}

@Suite struct `a call` {
    @Test func `goes and comes, over one connection`() async throws {
        try await withCalls(router) { calls, _ in
            for n in 0..<20 {
                let answer = try await calls.call(Double.self, Number(n: n))
                #expect(answer.n == 2 * n)
            }
        }
    }

    @Test func `fails with the code that its handler meant`() async throws {
        try await withCalls(router) { calls, _ in
            for (n, code, message) in [
                (-1, CallError.Code.notFound, "There is no -1"), (-2, .internalError, "Mishap()"),
                (-3, .resourceExhausted, "too much"),
            ] {
                let error = await #expect(throws: CallError.self) {
                    _ = try await calls.call(Double.self, Number(n: n))
                }
                #expect(error == CallError(code, message))
            }
        }
    }

    @Test func `that nobody serves, or with another method, is told apart`() async throws {
        enum Missing: UnaryCall {
            static let name = "test.Test/Missing"
            typealias Request = Number
            typealias Response = Number
        }
        try await withCalls(router) { calls, _ in
            let error = await #expect(throws: CallError.self) {
                _ = try await calls.call(Missing.self, Number(n: 1))
            }
            #expect(error == CallError(.notFound, "There is no '/test.Test/Missing'"))
            let head = RequestHead(method: "GET", target: "/\(Double.name)", headers: ["Host": "test"])
            let answer = try await calls.http.send(head)
            #expect(answer.head.status == 405)
        }
    }

    @Test func `takes an empty body for an empty message and refuses what is no message`() async throws {
        try await withCalls(router) { calls, _ in
            for (body, status) in [("", 400), ("{", 400), ("{\"n\":\"x\"}", 400), ("{\"n\":1,\"new\":2}", 200)] {
                let head = RequestHead(method: "POST", target: "/\(Double.name)", headers: ["Host": "test"])
                let answer = try await calls.http.send(head, body: .bytes(Array(body.utf8)))
                #expect(answer.head.status == status, "\(body)")
            }
        }
    }
}

@Suite struct `a streaming call` {
    @Test func `gives its events in order and then its end`() async throws {
        try await withCalls(router) { calls, _ in
            for count in [0, 1, 1000] {
                let seen = try await calls.stream(Count.self, Number(n: count)) { events in
                    var seen: [Int] = []
                    while let event = try await events.next() { seen.append(event.n) }
                    #expect(try await events.next() == nil)
                    return seen
                }
                #expect(seen == Array(0..<count))
            }
        }
    }

    @Test func `gives the events before an error, then the error`() async throws {
        try await withCalls(router) { calls, _ in
            let seen = Latch<Int>()
            let error = await #expect(throws: CallError.self) {
                _ = try await calls.stream(Count.self, Number(n: -3)) { events in
                    var count = 0
                    while count < 3, try await events.next() != nil { count += 1 }
                    seen.set(count)
                    return try await events.next()
                }
            }
            #expect(error == CallError(.aborted, "enough"))
            #expect(seen.current == 3)
        }
    }

    @Test func `may be left before its end`() async throws {
        try await withCalls(router) { calls, _ in
            let first = try await calls.stream(Count.self, Number(n: 1_000_000)) { events in try await events.next() }
            #expect(first == Number(n: 0))
        }
    }

    @Test func `that is cut is not taken for one that ended`() async throws {
        let server = HTTPServer { exchange in
            _ = try await exchange.body.collect(limit: 1000)
            let writer = try exchange.start(200, ["Content-Type": "application/connect+json"])
            try await writer.write(Envelope(payload: Array("{\"n\":1}".utf8)).encoded)
        }
        let listener = try Listener(.loopback(0))
        let address = listener.address
        let serving = Task { try await server.run(on: listener) }
        let calls = CallClient(http: HTTPClient { try await Channel.connect(to: address) }, headers: ["Host": "test"])
        let error = await #expect(throws: CallError.self) {
            try await calls.stream(Count.self, Number(n: 1)) { events in while try await events.next() != nil {} }
        }
        #expect(error?.code == .dataLoss)
        serving.cancel()
        listener.close()
    }
}

@Suite struct `a client-streaming call` {
    @Test func `sends its messages and gets one answer`() async throws {
        try await withCalls(router) { calls, _ in
            let sum = try await calls.call(Sum.self) { messages in
                for n in 1...20 { try await messages.send(Number(n: n)) }
            }
            #expect(sum.n == 210)
            #expect(try await calls.call(Sum.self) { _ in }.n == 0)
        }
    }

    @Test func `gets the error even while it still sends`() async throws {
        try await withCalls(router) { calls, _ in
            let error = await #expect(throws: CallError.self) {
                _ = try await calls.call(Sum.self) { messages in
                    while true { try await messages.send(Number(n: 100)) }
                }
            }
            #expect(error == CallError(.outOfRange, "more than 1000"))
        }
    }
}
