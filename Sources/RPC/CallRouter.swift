import FoundationEssentials
import HTTP
import Linux
import Wire

/// The serving side of the Connect protocol: a table from call names to what answers them.
package struct CallRouter: Sendable {
    /// What a handler may know besides the request.
    package struct Context: Sendable {
        package let headers: Headers
        /// Races against the work where a caller that goes away should end it.
        package let exchange: Exchange

        /// How long the caller will wait, if it said so.
        package var timeout: Duration? {
            headers["Connect-Timeout-Ms"].flatMap { Int64($0) }.map { .milliseconds($0) }
        }
    }

    private struct Handler {
        let contentType: String
        let answer: @Sendable (Exchange) async throws -> Void
    }

    private var handlers: [String: Handler] = [:]

    package init() {}

    package mutating func on<Call: UnaryCall>(
        _ call: Call.Type,
        _ answer: @escaping @Sendable (Call.Request, Context) async throws -> Call.Response
    ) {
        handle(Call.name, Self.unaryType) { exchange in
            let response: Call.Response
            do {
                let body = try await exchange.body.collect(limit: Envelope.limit)
                let request: Call.Request = try Self.decode(body.isEmpty ? Array("{}".utf8) : body)
                response = try await answer(request, Context(headers: exchange.request.headers, exchange: exchange))
            } catch {
                try await Self.refuse(exchange, CallError(error))
                return
            }
            try await exchange.respond(200, Self.unaryHeaders, body: Self.encode(response))
        }
    }

    package mutating func on<Call: StreamingCall>(
        _ call: Call.Type,
        _ answer: @escaping @Sendable (Call.Request, Context, EventWriter<Call.Event>) async throws -> Void
    ) {
        handle(Call.name) { exchange in
            let request: Call.Request
            do {
                var messages = MessageReader<Call.Request>(exchange.body)
                guard let message = try await messages.next() else {
                    throw CallError(.invalidArgument, "The call '\(Call.name)' came without a request")
                }
                // To its end, so that the connection is known to be clean for the next request.
                while try await messages.next() != nil {}
                request = message
            } catch {
                try await Self.refuse(exchange, CallError(error))
                return
            }
            try await Self.stream(Call.self, exchange) { context, events in
                try await answer(request, context, events)
            }
        }
    }

    /// Answers with a stream of events, which ends with the error that `answer` throws, if it does.
    static func stream<Call: StreamingCall>(
        _ call: Call.Type,
        _ exchange: Exchange,
        _ answer: (Context, EventWriter<Call.Event>) async throws -> Void
    ) async throws {
        let events = EventWriter<Call.Event>(try exchange.start(200, streamHeaders))
        do {
            try await answer(Context(headers: exchange.request.headers, exchange: exchange), events)
            try await events.end(nil)
        } catch {
            try await events.end(CallError(error))
        }
    }

    mutating func handle(
        _ name: String,
        _ contentType: String = CallRouter.streamType,
        _ answer: @escaping @Sendable (Exchange) async throws -> Void
    ) {
        handlers[name] = Handler(contentType: contentType, answer: answer)
    }

    package mutating func on<Call: ClientStreamingCall>(
        _ call: Call.Type,
        _ answer: @escaping @Sendable (MessageReader<Call.Message>, Context) async throws -> Call.Response
    ) {
        handle(Call.name) { exchange in
            let result: Result<Call.Response, any Error>
            do {
                let context = Context(headers: exchange.request.headers, exchange: exchange)
                result = .success(try await answer(MessageReader(exchange.body), context))
            } catch {
                result = .failure(error)
            }
            let events = EventWriter<Call.Response>(try exchange.start(200, Self.streamHeaders))
            switch result {
            case .success(let response):
                try await events.send(response)
                try await events.end(nil)
            case .failure(let error):
                try await events.end(CallError(error))
            }
        }
    }

    /// Answers `exchange` if its path names a call; false if it does not.
    package func route(_ exchange: Exchange) async throws -> Bool {
        guard let handler = handlers[String(exchange.request.path.dropFirst())] else { return false }
        guard exchange.request.method == "POST" else { throw HTTPError(405, "Calls are made with POST") }
        if let type = exchange.request.headers["Content-Type"]?.prefix(while: { $0 != ";" && $0 != " " }).lowercased(),
            type != handler.contentType
        {
            throw HTTPError(415, "This call takes '\(handler.contentType)', not '\(type)'")
        }
        do throws(CallError) {
            try Self.check(exchange.request.headers)
        } catch {
            try await Self.refuse(exchange, error)
            return true
        }
        try await handler.answer(exchange)
        return true
    }

    /// Refuses what is not said in this protocol, or in a form of it that is not spoken here.
    private static func check(_ headers: Headers) throws(CallError) {
        for name in ["Content-Encoding", "Connect-Content-Encoding"] {
            if let coding = headers[name]?.lowercased(), coding != "identity", !coding.isEmpty {
                throw CallError(.unimplemented, "unknown compression \"\(coding)\": supported encodings are identity")
            }
        }
        if let version = headers["Connect-Protocol-Version"], version != "1" {
            throw CallError(.invalidArgument, "The Connect protocol's version here is \"1\", not \"\(version)\"")
        }
        if let limit = headers["Connect-Timeout-Ms"] {
            guard (1...10).contains(limit.utf8.count), limit.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                throw CallError(.invalidArgument, "Connect-Timeout-Ms has up to ten digits, and is not '\(limit)'")
            }
        }
    }

    /// Answers with an error as a unary call tells it.
    package static func refuse(_ exchange: Exchange, _ error: CallError) async throws {
        try await exchange.respond(error.httpStatus, unaryHeaders, body: encode(error))
    }

    static let unaryType = "application/json"
    static let streamType = "application/connect+json"
    static let unaryHeaders: Headers = ["Content-Type": unaryType]
    static let streamHeaders: Headers = ["Content-Type": streamType]

    static func decode<Value: Decodable>(_ bytes: [UInt8]) throws(CallError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw CallError(.invalidArgument, "The message is not what this call takes: \(error)")
        }
    }

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}
