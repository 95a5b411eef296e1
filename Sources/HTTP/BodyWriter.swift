import Linux
import Synchronization

/// The body of a message that goes out. Each write leaves at once; one task writes at a time.
package final class BodyWriter: Sendable {
    enum Framing {
        case chunked
        /// This many bytes are still owed.
        case length(Int)
        case untilClose
        /// The message has no body, whatever is written: the answer to HEAD, or one with status 204 or 304.
        case discarded
    }

    private struct State {
        /// The message's head, until it goes out together with the first bytes.
        var head: [UInt8]
        var framing: Framing
        var isFinished = false
    }

    private let line: Wireline
    private let state: Mutex<State>

    init(_ line: Wireline, head: [UInt8] = [], _ framing: Framing) {
        self.line = line
        state = Mutex(State(head: head, framing: framing))
    }

    /// Sends the head now, before there is a body to go with it.
    package func flush() async throws {
        try await send(state.withLock { Self.takeHead(&$0) })
    }

    /// Sends bytes of the body, waiting where the other side is slow.
    ///
    /// - Throws: ``HTTPError`` when the body was ended, or would become longer than was announced.
    package func write(_ bytes: [UInt8]) async throws {
        if bytes.isEmpty { return }
        let out = try state.withLock { state in
            if state.isFinished { throw HTTPError(500, "A body was written to after its end") }
            var out = Self.takeHead(&state)
            switch state.framing {
            case .chunked:
                out += String(bytes.count, radix: 16).utf8
                out += [0x0D, 0x0A]
                out += bytes
                out += [0x0D, 0x0A]
            case .length(let owed):
                guard bytes.count <= owed else { throw HTTPError(500, "A body is longer than was announced") }
                state.framing = .length(owed - bytes.count)
                if out.isEmpty { out = bytes } else { out += bytes }
            case .untilClose:
                out += bytes
            case .discarded:
                break
            }
            return out
        }
        try await send(out)
    }

    /// Ends the body; a second call does nothing.
    ///
    /// - Throws: ``HTTPError`` when the body is shorter than was announced.
    package func finish() async throws {
        let out: [UInt8] = try state.withLock { state in
            if state.isFinished { return [] }
            state.isFinished = true
            if case .length(let owed) = state.framing, owed > 0 {
                throw HTTPError(500, "A body ended \(owed) bytes before its announced length")
            }
            let out = Self.takeHead(&state)
            if case .chunked = state.framing { return out + Array("0\r\n\r\n".utf8) }
            return out
        }
        try await send(out)
    }

    private func send(_ bytes: [UInt8]) async throws {
        if !bytes.isEmpty { try await line.write(bytes) }
    }

    private static func takeHead(_ state: inout State) -> [UInt8] {
        defer { state.head = [] }
        return state.head
    }
}
