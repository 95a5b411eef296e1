import Wire

/// One message of a Connect stream: a byte of flags, four of length, the payload.
///
/// <https://connectrpc.com/docs/protocol/#streaming-rpcs>
package struct Envelope: Sendable, Hashable {
    package static let limit = 64 * 1024 * 1024

    /// Whether this is the last message, which carries the error if there is one.
    package var isEnd: Bool
    package var payload: [UInt8]

    package init(payload: [UInt8], isEnd: Bool = false) {
        self.payload = payload
        self.isEnd = isEnd
    }

    package var encoded: [UInt8] {
        let count = UInt32(payload.count)
        let length = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> UInt32($0)) }
        return [isEnd ? 2 : 0] + length + payload
    }
}

/// Takes envelopes out of a stream of bytes, in whatever pieces it arrives.
package struct EnvelopeDecoder: Sendable {
    private var pending: ArraySlice<UInt8> = []

    package init() {}

    package mutating func add(_ bytes: [UInt8]) {
        pending += bytes
    }

    /// Whether the stream stopped inside an envelope.
    package var isInsideEnvelope: Bool { !pending.isEmpty }

    /// Takes out what was not read yet, for a stream that goes on with something else.
    package mutating func rest() -> [UInt8] {
        defer { pending = [] }
        return Array(pending)
    }

    /// The next whole envelope, or nil when more bytes are needed.
    ///
    /// - Throws: ``CallError`` for compressed or oversized messages.
    package mutating func next() throws(CallError) -> Envelope? {
        guard pending.count >= 5 else { return nil }
        let head = Array(pending.prefix(5))
        guard head[0] & ~2 == 0 else {
            throw CallError(.invalidArgument, "A message of the stream is compressed, which was not agreed on")
        }
        let length = head[1...].reduce(0) { $0 << 8 | Int($1) }
        guard length <= Envelope.limit else {
            throw CallError(.resourceExhausted, "A message of the stream is larger than \(Envelope.limit) bytes")
        }
        guard pending.count >= 5 + length else { return nil }
        let payload = Array(pending.dropFirst(5).prefix(length))
        pending = pending.dropFirst(5 + length)
        return Envelope(payload: payload, isEnd: head[0] & 2 != 0)
    }
}
