import HTTP
import Linux
import Synchronization
import WebSockets
import Wire

/// The WebSockets that are open in this guest, so that all of them can be ended, and those at each process counted.
final class Visits: Sendable {
    private struct State {
        var end = Latch<Void>()
        var counts: [UInt32: Int] = [:]
    }

    /// How often a silent peer is asked whether it lives.
    private static let heartbeat = Duration.seconds(20)

    private let state = Mutex(State())

    /// How many look at a process.
    func count(at pid: UInt32) -> Int { state.withLock { $0.counts[pid] ?? 0 } }

    /// Ends every visit: after a resume they lead to a host that is no longer there.
    func endAll() {
        let end = state.withLock { state in
            defer { state.end = Latch() }
            return state.end
        }
        end.set(())
    }

    /// Runs both directions of a visit until either is over, all visits are ended, or the peer is silent for too long.
    func run(
        at pid: UInt32,
        _ socket: WebSocket,
        telling tell: @Sendable @escaping () async throws -> Void,
        hearing hear: @Sendable @escaping () async throws -> Void
    ) async throws {
        let end = state.withLock { state in
            state.counts[pid, default: 0] += 1
            return state.end
        }
        defer {
            state.withLock { state in
                let count = (state.counts[pid] ?? 1) - 1
                state.counts[pid] = count > 0 ? count : nil
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await tell() }
            group.addTask { try await hear() }
            group.addTask {
                try await end.value()
                throw WebSocketError(.goingAway, "The sandbox is another's now, or goes on elsewhere")
            }
            group.addTask {
                try await socket.keepAlive(every: Self.heartbeat)
                // It ends by itself only where the connection is over, which the others find out.
                try await end.value()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

extension WebSocket {
    /// Sends a value as JSON.
    func send(json value: some Encodable) async throws {
        try await send(.text(String(decoding: try MessageCoding.encode(value), as: UTF8.self)))
    }

    /// What is said to a client, and then the end, with the code that fits.
    static func code(_ error: any Error) -> CloseCode {
        switch error {
        case let error as WebSocketError: error.code ?? .internalError
        case let error as CallError where error.code == .resourceExhausted: .tryAgainLater
        case is CallError: .policyViolation
        default: .internalError
        }
    }
}
