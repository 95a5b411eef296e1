import HTTP
import Linux
import RPC
import Synchronization
import WebSockets
import Wire

/// A terminal in a sandbox, with us in front of it. When the connection is cut it is made again, and what is kept of the screen
/// comes again.
///
/// *Concurrency.* One task pulls ``next()``; any may write.
package final class RemoteTerminal: Sendable {
    package enum Event: Sendable, Hashable {
        /// The first one, and again after each time that the connection was made anew: all that was shown comes again.
        case opened(session: UInt32, isNew: Bool)
        case output([UInt8])
        /// The last one.
        case exited(Int32)
    }

    private struct State {
        var socket: WebSocket?
        var opening: TerminalOpening
        var isOver = false
    }

    private let sockets: SandboxSockets
    private let state: Mutex<State>
    private let changes = Changes()
    /// The session's number; set when it is known.
    private let session = Latch<UInt32>()

    private init(_ sockets: SandboxSockets, _ opening: TerminalOpening) {
        self.sockets = sockets
        state = Mutex(State(opening: opening))
    }

    /// Opens or joins a terminal and calls `body`; the connection ends with that, the session does not.
    package static func with<Result: Sendable>(
        _ sockets: SandboxSockets,
        _ opening: TerminalOpening,
        _ body: @Sendable @escaping (RemoteTerminal) async throws -> Result
    ) async throws -> Result {
        let terminal = RemoteTerminal(sockets, opening)
        try await terminal.connect()
        do {
            let result = try await body(terminal)
            await terminal.leave()
            return result
        } catch {
            await terminal.leave()
            throw error
        }
    }

    /// The session's number, as soon as it is known.
    package var sessionID: UInt32? { session.current }

    /// The next thing that happened; nil behind the end.
    package func next() async throws -> Event? {
        while true {
            let (socket, isOver) = state.withLock { ($0.socket, $0.isOver) }
            if isOver { return nil }
            guard let socket else {
                try await connect()
                continue
            }
            do {
                switch try await socket.receive() {
                case .binary(let bytes): return .output(bytes)
                case .text(let text):
                    if let event = take(try Messages.value(TerminalMessage.self, text)) { return event }
                case nil: drop(socket)
                }
            } catch is WebSocketError {
                try Task.checkCancellation()
                drop(socket)
            }
        }
    }

    private func take(_ message: TerminalMessage) -> Event? {
        switch (message.type, message.sessionId, message.exitCode) {
        case ("sessionInfo", let id?, _):
            session.set(id)
            state.withLock { state in
                state.opening = TerminalOpening(session: String(id), user: state.opening.user, size: state.opening.size)
            }
            return .opened(session: id, isNew: message.created ?? false)
        case ("exited", _, let code?):
            state.withLock { $0.isOver = true }
            changes.announce()
            return .exited(code)
        // What was asked for in vain changes nothing, and what is unknown is for later programs.
        default: return nil
        }
    }

    package func write(_ keys: [UInt8]) async throws { try await send(.binary(keys)) }

    package func resize(_ size: TerminalSize) async throws {
        // A connection that is made anew gives it, too.
        state.withLock { $0.opening.size = size }
        try await send(Messages.text(TerminalMessage.resize(size)))
    }

    package func signal(_ name: String) async throws { try await send(Messages.text(TerminalMessage.signal(name))) }

    private func send(_ message: Message) async throws {
        while true {
            let seen = changes.version
            let (socket, isOver) = state.withLock { ($0.socket, $0.isOver) }
            if isOver { return }
            guard let socket else {
                try await changes.wait(past: seen)
                continue
            }
            do {
                return try await socket.send(message)
            } catch {
                try Task.checkCancellation()
                drop(socket)
            }
        }
    }

    // MARK: The connection

    private func connect() async throws {
        let socket = try await sockets.again { [self] in
            try await sockets.open(try state.withLock { $0.opening }.target)
        }
        state.withLock { $0.socket = socket }
        changes.announce()
    }

    private func drop(_ socket: WebSocket) {
        state.withLock { state in if state.socket === socket { state.socket = nil } }
        socket.abandon()
    }

    private func leave() async {
        let socket = state.withLock { state in
            defer { state.socket = nil }
            return state.socket
        }
        await socket?.close()
    }
}
