import FoundationEssentials
import GuestLink
import HTTP
import Linux
import RPC
import Synchronization
import Testing
import WebSockets
import Wire

@testable import GuestAgent

extension RunningAgent {
    /// Opens a WebSocket with the token.
    func socket(_ target: String) async throws -> WebSocket {
        try await WebSocket.connect(http, RequestHead(method: "GET", target: target, headers: Self.headers))
    }

    /// Opens a terminal, whose first message says which.
    func terminal(_ opening: TerminalOpening) async throws -> TerminalClient {
        let client = TerminalClient(try await socket(try opening.target))
        try await client.hear { !client.messages.isEmpty }
        return client
    }

    /// Opens the streams of a program.
    func exec(_ open: ExecRequest.Open) async throws -> ExecClient {
        let client = ExecClient(try await socket(GuestProtocol.execPath))
        try await client.say(ExecRequest(open: open))
        try await client.hear { client.opened != nil || client.isOver }
        return client
    }
}

/// A client's end of a terminal, which remembers all that it has heard.
final class TerminalClient: Sendable {
    private struct State {
        var shown: [UInt8] = []
        var messages: [TerminalMessage] = []
        var isOver = false
    }

    let socket: WebSocket
    private let state = Mutex(State())

    init(_ socket: WebSocket) { self.socket = socket }

    var shown: [UInt8] { state.withLock { $0.shown } }
    var text: String { String(decoding: shown, as: UTF8.self) }
    var messages: [TerminalMessage] { state.withLock { $0.messages } }
    var info: TerminalMessage? { messages.first }
    var exitCode: Int32? { messages.first { $0.type == "exited" }?.exitCode }

    func types(_ keys: String) async throws { try await socket.send(.binary(Array(keys.utf8))) }

    func say(_ message: TerminalMessage) async throws {
        try await socket.send(.text(String(decoding: try MessageCoding.encode(message), as: UTF8.self)))
    }

    /// Listens until `isEnough`, or until nothing more comes.
    func hear(_ isEnough: @Sendable @escaping () -> Bool) async throws {
        try await withDeadline(.seconds(60)) { [self] in
            while !isEnough(), let message = try await socket.receive() {
                switch message {
                case .binary(let bytes): state.withLock { $0.shown += bytes }
                case .text(let text):
                    let said = try MessageCoding.decode(TerminalMessage.self, text)
                    state.withLock { $0.messages.append(said) }
                }
            }
        }
    }

    /// Listens until `text` was shown.
    func shows(_ text: String, at place: SourceLocation = #_sourceLocation) async throws {
        try await hear { self.text.contains(text) }
        #expect(self.text.contains(text), sourceLocation: place)
    }
}

/// A client's end of a program's streams.
final class ExecClient: Sendable {
    private struct State {
        var stdout: [UInt8] = []
        var stderr: [UInt8] = []
        var opened: ExecEvent.Opened?
        var acknowledged = 0
        var exited: ExecEvent.Exited?
        var error: CallError?
        var isOver = false
    }

    let socket: WebSocket
    private let state = Mutex(State())

    init(_ socket: WebSocket) { self.socket = socket }

    var stdout: [UInt8] { state.withLock { $0.stdout } }
    var stderr: [UInt8] { state.withLock { $0.stderr } }
    var received: Int { state.withLock { $0.stdout.count + $0.stderr.count } }
    var opened: ExecEvent.Opened? { state.withLock { $0.opened } }
    var acknowledged: Int { state.withLock { $0.acknowledged } }
    var exited: ExecEvent.Exited? { state.withLock { $0.exited } }
    var error: CallError? { state.withLock { $0.error } }
    var isOver: Bool { state.withLock { $0.isOver } }

    func say(_ request: ExecRequest) async throws {
        try await socket.send(.text(String(decoding: try MessageCoding.encode(request), as: UTF8.self)))
    }

    func write(_ bytes: [UInt8]) async throws { try await socket.send(.binary([ExecStream.stdin.rawValue] + bytes)) }

    func hear(_ isEnough: @Sendable @escaping () -> Bool) async throws {
        try await withDeadline(.seconds(60)) { [self] in
            while !isEnough() {
                guard let message = try await socket.receive() else { return state.withLock { $0.isOver = true } }
                try take(message)
            }
        }
    }

    func hearAll() async throws { try await hear { false } }

    private func take(_ message: Message) throws {
        switch message {
        case .binary(let bytes):
            state.withLock { state in
                switch bytes.first {
                case ExecStream.stdout.rawValue: state.stdout += bytes.dropFirst()
                case ExecStream.stderr.rawValue: state.stderr += bytes.dropFirst()
                default: Issue.record("output of no stream")
                }
            }
        case .text(let text):
            let event = try MessageCoding.decode(ExecEvent.self, text)
            state.withLock { state in
                state.opened = event.opened ?? state.opened
                state.acknowledged = event.ack?.bytes ?? state.acknowledged
                state.exited = event.exited ?? state.exited
                state.error = event.error ?? state.error
            }
        }
    }
}
