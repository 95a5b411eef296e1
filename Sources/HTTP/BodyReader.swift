import Linux
import Synchronization

/// The body of a message that comes in, pulled by whoever wants it; by one task at a time.
package final class BodyReader: Sendable {
    private enum State {
        case length(Int)
        case chunked(ChunkedDecoder)
        case untilClose
        /// Terminal: the message was read whole.
        case finished
        /// Terminal: what follows on the connection has no known meaning.
        case failed(HTTPError)
    }

    private let line: Wireline
    private let kind: HeadCutter.Kind
    private let patience: Duration
    private let state: Mutex<State>
    /// Called before the first byte is waited for; sends `100 Continue` where the client asks for it.
    private let beforeFirstRead: Mutex<(@Sendable () async throws -> Void)?>
    /// Whether the body has no end but that of the connection.
    let endsWithConnection: Bool

    init(
        _ line: Wireline,
        _ framing: BodyFraming,
        of kind: HeadCutter.Kind,
        limits: HTTPLimits,
        beforeFirstRead: (@Sendable () async throws -> Void)? = nil
    ) {
        self.line = line
        self.kind = kind
        patience = limits.bodyTime
        self.beforeFirstRead = Mutex(beforeFirstRead)
        endsWithConnection = framing == .untilClose
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

    /// How many bytes are still to come, where the message says it.
    package var remaining: Int? {
        state.withLock { state in
            switch state {
            case .length(let remaining): remaining
            case .finished: 0
            case .chunked, .untilClose, .failed: nil
            }
        }
    }

    /// Whether bytes of the connection have come that nobody has looked at; so that a read need not wait, as a rule.
    package var isAtHand: Bool { isFinished || line.hasUnread }

    var hasFailed: Bool {
        state.withLock { if case .failed = $0 { true } else { false } }
    }

    /// Whether a `100 Continue` that the client waits for has not been sent.
    var isAwaitingContinue: Bool {
        !isFinished && beforeFirstRead.withLock { $0 != nil }
    }

    /// Reads the next bytes; an empty array is the end.
    ///
    /// - Throws: ``HTTPError`` when the message is malformed or the connection ends inside it, and again on every later
    ///   call: status 400 for a request, 502 for a response.
    package func read(upTo count: Int = 65_536) async throws -> [UInt8] {
        if isFinished { return [] }
        let first = beforeFirstRead.withLock { first in
            defer { first = nil }
            return first
        }
        try await first?()
        do {
            return try await readNext(upTo: count)
        } catch let error as HTTPError {
            let told = kind == .request ? error : HTTPError(502, error.message)
            state.withLock { $0 = .failed(told) }
            throw told
        }
    }

    private func readNext(upTo count: Int) async throws -> [UInt8] {
        let state = state.withLock { $0 }
        switch state {
        case .finished:
            return []
        case .failed(let error):
            throw error
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
        case .chunked(let decoder):
            return try await readChunk(decoder, upTo: count)
        }
    }

    private func readChunk(_ decoder: ChunkedDecoder, upTo count: Int) async throws -> [UInt8] {
        var decoder = decoder
        while true {
            var next = decoder
            let bytes = try line.consume { (input) throws(HTTPError) in try next.next(&input, upTo: count) }
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
    /// - Throws: ``HTTPError`` with status 413 when there are more than `limit` bytes; at once, if the message says so. With
    ///   status 408 when a request's stop coming.
    package func collect(limit: Int) async throws -> [UInt8] {
        let tooLarge = HTTPError(413, "The body is larger than \(limit) bytes")
        if let remaining, remaining > limit { throw tooLarge }
        var all: [UInt8] = []
        while true {
            let bytes = try await readPatiently()
            if bytes.isEmpty { return all }
            all += bytes
            if all.count > limit { throw tooLarge }
        }
    }

    /// Reads with a limit to the wait. What answers a request may take its time; who waits for it has limits of its own.
    private func readPatiently() async throws -> [UInt8] {
        let needsNoWait =
            switch state.withLock({ $0 }) {
            case .length: line.hasUnread
            case .finished, .failed: true
            // Part of a chunk's size may be here, and the rest never come.
            case .chunked, .untilClose: false
            }
        if kind == .response || needsNoWait { return try await read() }
        do {
            return try await withDeadline(patience) { [self] in try await read() }
        } catch is DeadlineExceeded {
            let late = HTTPError(408, "The body did not come in time")
            state.withLock { $0 = .failed(late) }
            throw late
        }
    }

    /// Passes all that is left on to a body that goes out, as it comes; a slow destination slows the source.
    package func copy(to destination: BodyWriter) async throws {
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return }
            try await destination.write(bytes)
        }
    }
}
