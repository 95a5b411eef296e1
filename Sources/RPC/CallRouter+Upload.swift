import HTTP
import Wire

extension CallRouter {
    /// Answers a streaming call whose request is followed by plain bytes, to the end of the body.
    ///
    /// The answer may begin before the bytes have all come.
    package mutating func onUpload<Call: StreamingCall>(
        _ call: Call.Type,
        _ answer: @escaping @Sendable (Call.Request, Upload, Context, EventWriter<Call.Event>) async throws -> Void
    ) {
        handle(Call.name) { exchange in
            let request: Call.Request
            let upload: Upload
            do {
                var decoder = EnvelopeDecoder()
                var envelope: Envelope?
                while envelope == nil {
                    let bytes = try await exchange.body.read()
                    guard !bytes.isEmpty else {
                        throw CallError(.invalidArgument, "The call '\(Call.name)' came without a request")
                    }
                    decoder.add(bytes)
                    envelope = try decoder.next()
                }
                request = try Self.decode(envelope?.payload ?? [])
                upload = Upload(first: decoder.rest(), body: exchange.body)
            } catch {
                try await Self.refuse(exchange, CallError(error))
                return
            }
            try await Self.stream(Call.self, exchange) { context, events in
                try await answer(request, upload, context, events)
            }
        }
    }
}

/// The bytes behind a request.
package struct Upload: Sendable {
    private var first: [UInt8]
    private let body: BodyReader

    init(first: [UInt8], body: BodyReader) {
        self.first = first
        self.body = body
    }

    /// The next of them; none is the end.
    package mutating func next() async throws -> [UInt8] {
        if first.isEmpty { return try await body.read() }
        defer { first = [] }
        return first
    }

    /// Writes all of them to `destination`, as they come.
    package func copy(to destination: BodyWriter) async throws {
        try await destination.write(first)
        try await body.copy(to: destination)
    }

    /// Reads to the end and keeps nothing.
    package func drain() async throws {
        while try await !body.read().isEmpty {}
    }
}
