import Linux
import Synchronization
import Wire

/// One client, from its `initialize` until it says goodbye or is forgotten.
final class GatewaySession: Sendable {
    /// What goes to a client that listens.
    enum Saying: Sendable {
        case message(JSONValue)
        /// Shows that the connection lives.
        case nothing
    }

    private struct State {
        /// Set to cancel a request that is under way, by its id.
        var running: [JSONValue: Latch<Void>] = [:]
        var listener: AsyncStream<Saying>.Continuation?
        var lastUse = ContinuousClock.now
    }

    /// A client that reads too slowly loses its stream, and sees that it did.
    private static let backlog = 256

    let id = Random.uuid()
    private let state = Mutex(State())

    var lastUse: ContinuousClock.Instant { state.withLock { $0.running.isEmpty ? $0.lastUse : .now } }

    func use() { state.withLock { $0.lastUse = .now } }

    /// Makes the stream of what is said to everybody; an earlier one ends.
    func listen() -> AsyncStream<Saying> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Saying.self,
            bufferingPolicy: .bufferingOldest(Self.backlog)
        )
        let earlier = state.withLock { state in
            defer { state.listener = continuation }
            return state.listener
        }
        earlier?.finish()
        return stream
    }

    func say(_ saying: Saying) {
        guard let listener = state.withLock({ $0.listener }) else { return }
        if case .dropped = listener.yield(saying) { listener.finish() }
    }

    func close() {
        let (listener, running) = state.withLock { state in
            defer { state.listener = nil }
            return (state.listener, Array(state.running.values))
        }
        listener?.finish()
        for latch in running { latch.set(()) }
    }

    /// Calls `body` until the client cancels the request.
    func cancellable<Result: Sendable>(
        _ id: JSONValue,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let cancelled = Latch<Void>()
        state.withLock { $0.running[id] = cancelled }
        defer { state.withLock { _ = $0.running.removeValue(forKey: id) } }
        return try await withThrowingTaskGroup(of: Result.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await cancelled.value()
                throw RPCFailure(RPCFailure.cancelled, "The request was cancelled")
            }
            defer { group.cancelAll() }
            guard let result = try await group.next() else { throw CancellationError() }
            return result
        }
    }

    func cancel(_ id: JSONValue) {
        state.withLock { $0.running[id] }?.set(())
    }
}

/// The clients there are.
final class GatewaySessions: Sendable {
    private static let limit = 256

    private let sessions = Mutex<[String: GatewaySession]>([:])

    /// Makes a session; of too many, the one that was not used for longest ends.
    func add() -> GatewaySession {
        let session = GatewaySession()
        let oldest: GatewaySession? = sessions.withLock { sessions in
            var oldest: GatewaySession?
            if sessions.count >= Self.limit {
                oldest = sessions.values.min { $0.lastUse < $1.lastUse }
                if let oldest { sessions.removeValue(forKey: oldest.id) }
            }
            sessions[session.id] = session
            return oldest
        }
        oldest?.close()
        return session
    }

    subscript(id: String) -> GatewaySession? { sessions.withLock { $0[id] } }

    func remove(_ id: String) -> Bool {
        let session = sessions.withLock { $0.removeValue(forKey: id) }
        session?.close()
        return session != nil
    }

    func tellAll(_ message: JSONValue) {
        for session in sessions.withLock({ Array($0.values) }) { session.say(.message(message)) }
    }
}
