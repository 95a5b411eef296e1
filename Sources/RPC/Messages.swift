import FoundationEssentials
import HTTP
import Linux
import Wire

/// Sends the events of a streaming call, or the messages of a client-streaming one.
package struct EventWriter<Event: Encodable & Sendable>: Sendable {
    private let body: BodyWriter

    init(_ body: BodyWriter) {
        self.body = body
    }

    /// Sends one event, waiting where the caller reads slowly.
    package func send(_ event: Event) async throws {
        try await body.write(Envelope(payload: try CallRouter.encode(event)).encoded)
    }

    private struct Trailer: Encodable {
        let error: CallError?
    }

    func end(_ error: CallError?) async throws {
        try await body.write(Envelope(payload: try CallRouter.encode(Trailer(error: error)), isEnd: true).encoded)
        try await body.finish()
    }
}

/// Reads the messages of a stream, from either side.
package struct MessageReader<Message: Decodable & Sendable>: Sendable {
    private let body: BodyReader
    /// A server ends its stream with a message of its own; a client just ends it.
    private let needsEnd: Bool
    private var decoder = EnvelopeDecoder()
    private var isAtEnd = false

    init(_ body: BodyReader, needsEnd: Bool = false) {
        self.body = body
        self.needsEnd = needsEnd
    }

    private struct Trailer: Decodable {
        let error: CallError?
    }

    /// The next message; nil at the end.
    ///
    /// - Throws: the ``CallError`` that the other side ended the stream with.
    package mutating func next() async throws -> Message? {
        while !isAtEnd {
            if let envelope = try decoder.next() {
                if !envelope.isEnd { return try CallRouter.decode(envelope.payload) as Message }
                isAtEnd = true
                // The chunked body's own end follows; reading it leaves the connection usable.
                while try await !body.read().isEmpty {}
                let trailer: Trailer = try CallRouter.decode(
                    envelope.payload.isEmpty ? Array("{}".utf8) : envelope.payload
                )
                if let error = trailer.error { throw error }
                return nil
            }
            let bytes = try await body.read()
            if bytes.isEmpty {
                guard !decoder.isInsideEnvelope, !needsEnd else {
                    throw CallError(.dataLoss, "The stream ended before its last message")
                }
                isAtEnd = true
            }
            decoder.add(bytes)
        }
        return nil
    }
}
