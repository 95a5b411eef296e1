// A program in a sandbox, whose three streams are here as if it ran here. When the connection is cut it is made again, and nothing
// of them is lost or doubled: `Wire/Process/ExecMessages.swift` says how.
//
//     write ─► InputWindow ─► pump ──► WebSocket ──► next
//                                 ◄── made again ──┘  by whoever pulls, when it broke

import HTTP
import Linux
import RPC
import Synchronization
import WebSockets
import Wire

/// A program that runs in a sandbox.
///
/// *Concurrency.* One task pulls ``next()``; any may write and signal. Only the pump sends input and signals.
package final class RemoteProgram: Sendable {
    package enum Event: Sendable, Hashable {
        case output(ExecStream, [UInt8])
        /// The last one.
        case exited(ExecEvent.Exited)
    }

    private struct State {
        var socket: WebSocket?
        var pid: UInt32?
        var input = InputWindow()
        var signals: [String] = []
        /// Bytes of both outputs that were taken.
        var received = 0
        var acknowledged = 0
        var exited: ExecEvent.Exited?
        var failure: (any Error)?
    }

    private let sockets: SandboxSockets
    private let user: String?
    private let request: ExecRequest.Open
    private let state = Mutex(State())
    private let changes = Changes()

    private init(_ sockets: SandboxSockets, user: String?, _ request: ExecRequest.Open) {
        self.sockets = sockets
        self.user = user
        self.request = request
    }

    /// Starts a program, or finds it again by its id, and calls `body`; the connection ends with that, the program does not.
    ///
    /// - Throws: ``CallError`` when it can not be started; what `body` throws.
    package static func with<Result: Sendable>(
        _ sockets: SandboxSockets,
        user: String? = nil,
        _ request: ExecRequest.Open,
        _ body: @Sendable @escaping (RemoteProgram) async throws -> Result
    ) async throws -> Result {
        let program = RemoteProgram(sockets, user: user, request)
        try await program.connect()
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body(program) }
            group.addTask {
                try await program.pump()
                return nil
            }
            defer { group.cancelAll() }
            do {
                while let result = try await group.next() {
                    guard let result else { continue }
                    await program.leave()
                    return result
                }
                throw CancellationError()
            } catch {
                await program.leave()
                throw error
            }
        }
    }

    package var pid: UInt32? { state.withLock { $0.pid } }

    // MARK: What comes

    /// The next thing that the program did; nil behind its end.
    package func next() async throws -> Event? {
        while true {
            let (socket, isOver) = state.withLock { ($0.socket, $0.exited != nil) }
            if isOver { return nil }
            guard let socket else {
                try await connect()
                continue
            }
            do {
                guard let message = try await socket.receive() else {
                    drop(socket)
                    continue
                }
                if let event = try await take(message, socket) { return event }
            } catch is WebSocketError {
                try Task.checkCancellation()
                drop(socket)
            }
        }
    }

    private func take(_ message: Message, _ socket: WebSocket) async throws -> Event? {
        switch message {
        case .binary(let bytes):
            guard let stream = bytes.first.flatMap({ ExecStream(rawValue: $0) }), stream != .stdin else {
                throw CallError(.dataLoss, "The sandbox sent bytes of a stream that a program does not have")
            }
            let due: Int? = state.withLock { state in
                state.received += bytes.count - 1
                guard state.received - state.acknowledged >= ExecCount.pace else { return nil }
                state.acknowledged = state.received
                return state.received
            }
            if let due { try await say(ExecRequest(acknowledging: due), on: socket) }
            return .output(stream, Array(bytes.dropFirst()))
        case .text(let text):
            let event = try Messages.value(ExecEvent.self, text)
            if let count = event.ack {
                state.withLock { $0.input.acknowledge(count.bytes) }
                changes.announce()
            }
            if let error = event.error { throw fail(error) }
            guard let exited = event.exited else { return nil }
            state.withLock { $0.exited = exited }
            changes.announce()
            return .exited(exited)
        }
    }

    /// Says what another socket would be told by its opening.
    private func say(_ request: ExecRequest, on socket: WebSocket) async throws {
        do {
            try await socket.send(Messages.text(request))
        } catch {
            try Task.checkCancellation()
            drop(socket)
        }
    }

    // MARK: What goes

    /// Writes to the standard input; waits where the program is slow to read. What an ended program does not read is dropped.
    package func write(_ bytes: [UInt8]) async throws {
        while true {
            let seen = changes.version
            let isTaken = try state.withLock { state in
                if let failure = state.failure { throw failure }
                if state.exited != nil { return true }
                guard state.input.hasRoom else { return false }
                state.input.append(bytes)
                return true
            }
            if isTaken { return changes.announce() }
            try await changes.wait(past: seen)
        }
    }

    /// Ends the standard input; what was written before still comes.
    package func endInput() {
        state.withLock { $0.input.finish() }
        changes.announce()
    }

    /// - Parameter name: as in `SIGINT`.
    package func send(signal name: String) {
        state.withLock { $0.signals.append(name) }
        changes.announce()
    }

    private enum Outgoing {
        /// - Parameter signal: what the message asks for: one that did not go out is asked for again.
        case message(Message, WebSocket, signal: String? = nil)
        case wait
        case done
    }

    /// Sends what is to be sent, on whatever socket there is, until the program has ended.
    private func pump() async throws {
        while true {
            let seen = changes.version
            switch try outgoing() {
            case .message(let message, let socket, let signal):
                do {
                    try await socket.send(message)
                } catch {
                    try Task.checkCancellation()
                    if let signal { state.withLock { $0.signals.insert(signal, at: 0) } }
                    drop(socket)
                }
            case .wait: try await changes.wait(past: seen)
            case .done: return
            }
        }
    }

    private func outgoing() throws -> Outgoing {
        try state.withLock { state in
            if state.exited != nil || state.failure != nil { return .done }
            guard let socket = state.socket else { return .wait }
            if !state.signals.isEmpty {
                let signal = state.signals.removeFirst()
                return .message(try Messages.text(ExecRequest(signal: signal)), socket, signal: signal)
            }
            switch state.input.next() {
            case .bytes(let bytes): return .message(.binary([ExecStream.stdin.rawValue] + bytes), socket)
            case .end: return .message(try Messages.text(ExecRequest.end), socket)
            case nil: return .wait
            }
        }
    }

    // MARK: The connection

    private func connect() async throws {
        do {
            try await sockets.again { [self] in try await connectOnce() }
        } catch {
            throw fail(error)
        }
    }

    private func connectOnce() async throws {
        let query = user.map { "?username=\(PercentEncoding.encode($0))" } ?? ""
        let socket = try await sockets.open("\(GuestProtocol.execPath)\(query)")
        do {
            var request = request
            request.received = state.withLock { $0.received }
            try await socket.send(Messages.text(ExecRequest(open: request)))
            guard case .text(let text) = try await socket.receive() else {
                throw CallError(.unavailable, "The sandbox closed the connection before the program was there")
            }
            let event = try Messages.value(ExecEvent.self, text)
            if let error = event.error { throw error }
            guard let opened = event.opened else {
                throw CallError(.dataLoss, "The sandbox did not say which program it is")
            }
            let fits = state.withLock { state in
                // One that begins anew under the same id is another: what has come of it is not what came before.
                guard state.pid == nil || state.pid == opened.pid, state.input.resume(at: opened.input) else {
                    return false
                }
                state.pid = opened.pid
                state.acknowledged = state.received
                state.socket = socket
                return true
            }
            guard fits else {
                throw CallError(.dataLoss, "The program is not there any more; another has its place")
            }
            changes.announce()
        } catch {
            await socket.close()
            throw error
        }
    }

    /// Takes note that a socket is of no use any more.
    private func drop(_ socket: WebSocket) {
        state.withLock { state in if state.socket === socket { state.socket = nil } }
        socket.abandon()
    }

    private func fail(_ error: any Error) -> any Error {
        if error is CancellationError { return error }
        state.withLock { $0.failure = $0.failure ?? error }
        changes.announce()
        return error
    }

    private func leave() async {
        let socket = state.withLock { state in
            defer { state.socket = nil }
            return state.socket
        }
        await socket?.close()
    }
}
