import Linux
import Synchronization

/// A WebSocket on any byte stream: messages both ways.
///
/// Both directions are pulled: nothing is read while nobody receives, and ``send(_:)`` waits where the peer is slow, so a slow
/// end slows the other. Pings are answered while somebody receives. Any tasks may send; one task receives.
///
/// *Concurrency.* `decoder` belongs to whoever holds `reading`; frames are written under `writing`; `state` is behind its lock.
package final class WebSocket: Sendable {
    private struct State {
        /// What the peer's Close frame said.
        var peersClosing: Closing?
        var hasSentClose = false
        /// The answer to the last Ping, while it could not be sent; earlier ones need none.
        var pong: [UInt8]?
        /// Why nothing may be written any more: part of a frame may be out.
        var failure: (any Error)?
        /// The rule that the peer broke; what it sends since then has no meaning.
        var fault: WebSocketError?
        /// Since when a read waits in vain; nil while nobody reads.
        var waitsSince: ContinuousClock.Instant?
    }

    /// What the two ends agreed to speak; nil when neither asked.
    package let subprotocol: String?
    private let stream: any ByteStream
    private let limits: WebSocketLimits
    private let encoder: MessageEncoder
    private let decoder: Mutex<MessageDecoder>
    private let state = Mutex<State>(State())
    private let reading = AsyncLock()
    private let writing = AsyncLock()

    /// Speaks on a stream on which both ends have already switched.
    package init(
        _ stream: any ByteStream,
        _ role: Role,
        subprotocol: String? = nil,
        limits: WebSocketLimits = WebSocketLimits()
    ) {
        self.stream = stream
        self.subprotocol = subprotocol
        self.limits = limits
        encoder = MessageEncoder(role: role, frameLimit: max(1, limits.frame))
        decoder = Mutex(MessageDecoder(role, limit: limits.message))
    }

    /// Runs `body` and closes whatever happens: normally when it returns, with an internal error when it throws.
    package func run<Result: Sendable>(_ body: (WebSocket) async throws -> Result) async throws -> Result {
        do {
            let result = try await body(self)
            await close(.normal)
            return result
        } catch {
            await close(Task.isCancelled ? .goingAway : (error as? WebSocketError)?.code ?? .internalError)
            throw error
        }
    }

    // MARK: Receiving

    /// How the peer said that it ends; nil as long as it has not.
    package var peersClosing: Closing? { state.withLock { $0.peersClosing } }

    /// Waits for the next message; nil when the peer has closed, as ``peersClosing`` tells.
    ///
    /// A receive that is cancelled loses nothing; the next goes on where it was.
    ///
    /// - Throws: ``WebSocketError`` when the peer breaks a rule, which it has been told then, or the connection broke.
    package func receive() async throws -> Message? {
        try await reading.withLock { [self] in
            do {
                while true {
                    guard let event = try await nextEvent() else { return nil }
                    if case .message(let message) = event { return message }
                    try await handle(event)
                }
            } catch let error as WebSocketError {
                await tellFault(error)
                throw error
            }
        }
    }

    /// Nil behind the peer's Close.
    private func nextEvent() async throws -> MessageDecoder.Event? {
        while true {
            if peersClosing != nil { return nil }
            if let fault = state.withLock({ $0.fault }) { throw fault }
            if let event = try decoder.withLock({ decoder throws(WebSocketError) in try decoder.next() }) {
                return event
            }
            state.withLock { $0.waitsSince = .now }
            defer { state.withLock { $0.waitsSince = nil } }
            let bytes: [UInt8]
            do {
                bytes = try await stream.read()
            } catch {
                try Task.checkCancellation()
                throw WebSocketError(nil, "The connection broke: \(error)")
            }
            guard !bytes.isEmpty else { throw WebSocketError(nil, "The connection ended without a Close") }
            decoder.withLock { $0.add(bytes) }
        }
    }

    private func handle(_ event: MessageDecoder.Event) async throws {
        switch event {
        case .message, .pong: return
        case .ping(let payload):
            state.withLock { $0.pong = payload }
            try await sendPong()
        case .close(let closing):
            state.withLock { $0.peersClosing = closing }
            // The peer's own code is the answer. It may have gone already; it has said what it had to say.
            try? await sendClose(closing)
        }
    }

    /// Sends the Pong that is due, unless somebody is writing, who does it then. So a peer that reads nothing can not keep us
    /// from hearing what it says.
    private func sendPong() async throws {
        while state.withLock({ $0.pong != nil && !$0.hasSentClose }) {
            let isSent: Void? = try await writing.withLockIfFree { [self] in
                let pong = state.withLock { state in
                    defer { state.pong = nil }
                    return state.pong
                }
                if let pong { try await write(encoder.frame(.pong, pong)) }
            }
            if isSent == nil { return }
        }
    }

    private func tellFault(_ error: WebSocketError) async {
        state.withLock { $0.fault = $0.fault ?? error }
        guard let code = error.code else { return stream.close() }
        try? await withDeadline(limits.closeTime) { [self] in try await sendClose(Closing(code, error.message)) }
    }

    // MARK: Sending

    /// Sends one message; waits where the peer is slow.
    ///
    /// - Throws: ``WebSocketError`` when this end has closed, or the connection broke. A send that is cancelled half-way ends
    ///   the connection, since half a frame is out.
    package func send(_ message: Message) async throws {
        try await send(frames: encoder.frames(of: message))
    }

    package func ping(_ payload: [UInt8] = []) async throws {
        try await send(frames: [encoder.frame(.ping, Array(payload.prefix(FrameHeader.controlLimit)))])
    }

    private func send(frames: [[UInt8]]) async throws {
        try await writing.withLock { [self] in
            for frame in frames {
                guard !state.withLock({ $0.hasSentClose }) else {
                    throw WebSocketError(nil, "The WebSocket is closed; nothing can be sent on it")
                }
                try await write(frame)
                let pong = state.withLock { state in
                    defer { state.pong = nil }
                    return state.pong
                }
                if let pong { try await write(encoder.frame(.pong, pong)) }
            }
        }
        try await sendPong()
    }

    /// Only under `writing`.
    private func write(_ bytes: [UInt8]) async throws {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        do {
            try await stream.write(bytes)
        } catch {
            state.withLock { $0.failure = WebSocketError(nil, "The connection broke: \(error)") }
            stream.close()
            throw error
        }
    }

    // MARK: Ending

    /// Closes: says so, waits a bounded time for the peer's own Close, and ends the connection. Safe to call twice.
    ///
    /// Messages that the peer sends meanwhile are received if somebody receives, else dropped.
    package func close(_ code: CloseCode = .normal, _ reason: String = "") async {
        let limit = limits.closeTime
        // In a task of its own: closing is also what a cancelled task does last.
        await Task {
            try? await withDeadline(limit) { [self] in
                try await sendClose(Closing(code, reason))
                do {
                    while try await receive() != nil {}
                } catch {
                    // It broke a rule. What it still sends must be read, or it may lose our Close together with the connection.
                }
                try await stream.closeWriting()
                // The server closes first, so that it is the client's port that is blocked for a while: RFC 6455 §7.1.1.
                if encoder.role == .server, peersClosing != nil { return }
                while try await !stream.read().isEmpty {}
            }
            stream.close()
        }.value
    }

    /// Ends the connection without a word: it is of no use any more.
    package func abandon() { stream.close() }

    private func sendClose(_ closing: Closing) async throws {
        try await writing.withLock { [self] in
            let isFirst = state.withLock { state in
                defer { state.hasSentClose = true }
                return !state.hasSentClose
            }
            if isFirst { try await write(encoder.frame(.close, closing.payload)) }
        }
    }

    /// Sends a Ping whenever nothing was heard for `interval`, and ends the connection when the next one passes in silence too.
    ///
    /// Runs until cancelled or until the connection is over. It judges only while somebody receives and nobody waits to send:
    /// else it is this end that is slow, or the peer is slow to read and can not have seen the Ping.
    package func keepAlive(every interval: Duration) async throws {
        var pinged: ContinuousClock.Instant?
        while !state.withLock({ $0.hasSentClose || $0.peersClosing != nil || $0.failure != nil }) {
            try await EventLoop.shared.sleep(for: interval)
            let since = state.withLock { $0.waitsSince }
            guard let since, since.duration(to: .now) >= interval else {
                pinged = nil
                continue
            }
            if let pinged, pinged >= since {
                state.withLock { $0.failure = WebSocketError(nil, "The peer does not answer") }
                return stream.close()
            }
            let isSent: Void? = try await writing.withLockIfFree { [self] in try await write(encoder.frame(.ping, [])) }
            pinged = isSent == nil ? nil : .now
        }
    }
}
