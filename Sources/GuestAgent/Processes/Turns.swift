import Synchronization

/// Lets one task at a time do something that has waits in it.
///
/// Waiting for the turn does not end by cancellation; whoever has the turn must not keep it for ever.
final class Turns: Sendable {
    private enum State {
        case free
        case taken(waiting: [CheckedContinuation<Void, Never>])
    }

    private let state = Mutex<State>(.free)

    func withTurn<Result: Sendable>(_ body: () async throws -> Result) async rethrows -> Result {
        await take()
        defer { pass() }
        return try await body()
    }

    private func take() async {
        await withCheckedContinuation { waiter in
            let isMine = state.withLock { state in
                switch state {
                case .free:
                    state = .taken(waiting: [])
                    return true
                case .taken(var waiting):
                    waiting.append(waiter)
                    state = .taken(waiting: waiting)
                    return false
                }
            }
            if isMine { waiter.resume() }
        }
    }

    private func pass() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard case .taken(var waiting) = state, !waiting.isEmpty else {
                state = .free
                return nil
            }
            let next = waiting.removeFirst()
            state = .taken(waiting: waiting)
            return next
        }
        next?.resume()
    }
}
