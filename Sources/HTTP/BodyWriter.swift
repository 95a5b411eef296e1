import Linux
import Synchronization

/// The body of a message that comes in, pulled by whoever wants it.
package final class BodyReader: Sendable {
    private enum State {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        /// Terminal: the message was read whole.
        case finished
    }

    private let line: Wireline
    private let state: Mutex<State>
    /// Called before the first byte is waited for; sends `100 Continue` where the client asks for it.
    private let beforeFirstRead: Mutex<(@Sendable () async throws -> Void)?>

    init(
        _ line: Wireline,
        _ framing: BodyFraming,
        limits: HTTPLimits,
        beforeFirstRead: (@Sendable () async throws -> Void)? = nil
    ) {
        self.line = line
        self.beforeFirstRead = Mutex(beforeFirstRead)
        let first: State =
            switch framing {
            case .none, .length(0): .finished
            case .length(let length): .length(length)
            case .chunked: .chunked(ChunkedDecoder(limits: limits))
            case .untilClose: .untilClose
            }
        state = Mutex(first)
    }

    package var isFinished: Bool {
        state.withLock { if case .finished = $0 { true } else { false } }
    }

    /// Reads the next bytes; an empty array is the end.
    ///
    /// - Throws: ``HTTPError`` when the message is malformed or the connection ends inside it.
    package func read(upTo count: Int = 65_536) async throws -> [UInt8] {
        if isFinished { return [] }
        let first = beforeFirstRead.withLock { first in
            defer { first = nil }
            return first
        }
        try await first?()
        let state = state.withLock { $0 }
        switch state {
        case .finished:
            return []
        case .untilClose:
            let bytes = try await line.read(upTo: count)
            if bytes.isEmpty { finish() }
            return bytes
        case .length(let remaining):
            let bytes = try await line.read(upTo: min(count, remaining))
            if bytes.isEmpty { throw HTTPError.badRequest("The connection ended inside a body") }
            if bytes.count == remaining {
                finish()
            } else {
                self.state.withLock { $0 = .length(remaining - bytes.count) }
            }
            return bytes
        case .chunked(var decoder):
            return try await readChunk(&decoder)
        }
    }

    private func readChunk(_ decoder: inout ChunkedDecoder) async throws -> [UInt8] {
        while true {
            var next = decoder
            let bytes = try line.consume { (input) throws(HTTPError) in try next.next(&input) }
            decoder = next
            if decoder.isFinished { finish() } else { state.withLock { $0 = .chunked(next) } }
            if !bytes.isEmpty || decoder.isFinished { return bytes }
            if try await !line.fill() { throw HTTPError.badRequest("The connection ended inside a body") }
        }
    }

    private func finish() {
        state.withLock { $0 = .finished }
    }

    /// Reads all that is left.
    ///
    /// - Throws: ``HTTPError`` with status 413 when there are more than `limit` bytes.
    package func collect(limit: Int) async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return all }
            all += bytes
            if all.count > limit { throw HTTPError(413, "The body is larger than \(limit) bytes") }
        }
    }
}

/// The body of a message that goes out. Each write leaves at once.
package final class BodyWriter: Sendable {
    private let line: Wireline
    private let isChunked: Bool
    /// The head, until it goes out together with the first bytes.
    private let head: Mutex<[UInt8]>
    private let isFinished = Mutex(false)

    init(_ line: Wireline, head: [UInt8] = [], isChunked: Bool) {
        self.line = line
        self.head = Mutex(head)
        self.isChunked = isChunked
    }

    private func takeHead() -> [UInt8] {
        head.withLock { head in
            defer { head = [] }
            return head
        }
    }

    /// Sends the head now, before there is a body to go with it.
    package func flush() async throws {
        let head = takeHead()
        if !head.isEmpty { try await line.write(head) }
    }

    package func write(_ bytes: [UInt8]) async throws {
        if bytes.isEmpty { return }
        var out = takeHead()
        if isChunked {
            out += String(bytes.count, radix: 16).utf8
            out += [0x0D, 0x0A]
            out += bytes
            out += [0x0D, 0x0A]
        } else {
            out += bytes
        }
        try await line.write(out)
    }

    /// Ends the body; a second call does nothing.
    package func finish() async throws {
        let wasFinished = isFinished.withLock { isFinished in
            defer { isFinished = true }
            return isFinished
        }
        if wasFinished { return }
        let out = takeHead() + (isChunked ? Array("0\r\n\r\n".utf8) : [])
        if !out.isEmpty { try await line.write(out) }
    }
}
