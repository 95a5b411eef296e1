import Linux
import Synchronization

/// TLS over any byte stream, from either side.
///
/// *Concurrency.* `state` guards the session: one task may read while another writes, and each call into OpenSSL is made
/// under the lock. What a write encrypts must leave in that order, so `sending` is held until it has left.
package final class TLSStream: ByteStream {
    private struct State: ~Copyable {
        let session: TLSSession
        /// Whether a task holds `sending`; it then also sends what others left in the session.
        var isSending = false
        /// Set when encrypted bytes may have left only in part: nothing may follow them.
        var writeFailure: (any Error)?
        var isEnded = false
    }

    private let stream: any ByteStream
    /// As errors name the other side.
    private let peer: String
    private let state: Mutex<State>
    private let sending = AsyncLock()

    private init(_ stream: any ByteStream, _ peer: String, _ session: consuming sending TLSSession) {
        self.stream = stream
        self.peer = peer
        state = Mutex(State(session: session))
    }

    /// Shakes hands with `host` over `stream`, which is this object's from then on, and closed when that fails.
    ///
    /// - Throws: ``TLSError`` when the host can not show by `trust` that it is the host, or does not speak TLS 1.2 or later.
    package static func connect(
        over stream: any ByteStream,
        to host: String,
        trust: TLSTrust
    ) async throws -> TLSStream {
        try await secure(stream, "'\(host)'") { () throws(TLSError) in try TLSSession(clientOf: host, trust: trust) }
    }

    /// Shakes hands with a client over `stream`, which is this object's from then on, and closed when that fails.
    ///
    /// How long a client may take is the caller's to say.
    package static func accept(over stream: any ByteStream, as identity: TLSIdentity) async throws -> TLSStream {
        try await secure(stream, "a client") { () throws(TLSError) in try TLSSession(serverAs: identity) }
    }

    private static func secure(
        _ stream: any ByteStream,
        _ peer: String,
        _ begin: () throws(TLSError) -> sending TLSSession
    ) async throws -> TLSStream {
        do {
            let connection = TLSStream(stream, peer, try begin())
            try await connection.shakeHands()
            return connection
        } catch {
            stream.close()
            throw error
        }
    }

    private func shakeHands() async throws {
        while true {
            let result = state.withLock { state in
                Result { () throws(TLSError) in try state.session.shakeHands() }
            }
            // Also when it failed: the other side is told why.
            let isComplete: Bool
            do {
                try await flush()
                isComplete = try result.get()
            } catch let error as LinuxError {
                isComplete = try result.get()
                if isComplete { throw error }
            }
            if isComplete { return }
            try await receive(orThrow: TLSError(.handshake, "The TLS handshake with \(peer) was cut off"))
        }
    }

    /// Reads encrypted bytes into the session.
    private func receive(orThrow ended: @autoclosure () -> TLSError) async throws {
        let bytes = try await stream.read()
        if bytes.isEmpty { throw ended() }
        state.withLock { $0.session.receive(bytes) }
    }

    package func read(upTo count: Int) async throws -> [UInt8] {
        while true {
            let (read, mustSend) = try state.withLock { state in
                if state.isEnded { return (TLSSession.Read.ended, false) }
                let read = try state.session.read(upTo: count)
                if case .ended = read { state.isEnded = true }
                return (read, state.session.hasOutput && !state.isSending && state.writeFailure == nil)
            }
            // An answer that the protocol itself wants, such as to a change of keys.
            if mustSend { try await flush() }
            switch read {
            case .bytes(let bytes): return bytes
            case .ended: return []
            case .needsInput:
                try await receive(
                    orThrow: TLSError(.truncated, "The connection to \(peer) ended without TLS's own end")
                )
            }
        }
    }

    package func write(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(65_536)
            rest = rest.dropFirst(part.count)
            try await send { (session) throws(TLSError) in try session.write(part) }
        }
    }

    package func closeWriting() async throws {
        try await send { (session) throws(TLSError) in session.end() }
        try await stream.closeWriting()
    }

    private func flush() async throws {
        try await send { (session) throws(TLSError) in }
    }

    /// Lets `produce` encrypt, and sends all there is to send.
    private func send(_ produce: @Sendable (borrowing TLSSession) throws(TLSError) -> Void) async throws {
        try await sending.withLock { [self] in
            var next = try state.withLock { state in
                if let failure = state.writeFailure { throw failure }
                try produce(state.session)
                return Self.nextOutput(&state)
            }
            while !next.isEmpty {
                do {
                    try await stream.write(next)
                } catch {
                    state.withLock { state in
                        state.isSending = false
                        state.writeFailure = error
                    }
                    throw error
                }
                next = state.withLock { Self.nextOutput(&$0) }
            }
        }
    }

    private static func nextOutput(_ state: inout State) -> [UInt8] {
        let output = state.session.takeOutput()
        state.isSending = !output.isEmpty
        return output
    }

    package var hasInput: Bool {
        state.withLock { $0.isEnded || $0.session.hasInput() } || stream.hasInput
    }

    package func close() {
        stream.close()
    }
}
