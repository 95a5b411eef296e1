import Synchronization

/// Tells any number of waiting tasks that something they look at has changed.
///
/// Take ``version``, look, then wait past that version: a change between the look and the wait is not missed.
final class Changes: Sendable {
    private struct State {
        var version: UInt64 = 0
        var nextKey: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
    }

    private let state = Mutex(State())

    var version: UInt64 { state.withLock { $0.version } }

    func announce() {
        let waiters = state.withLock { state in
            state.version += 1
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until something has changed since `seen`.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled and nothing has changed.
    func wait(past seen: UInt64) async throws {
        let key = state.withLock { state in
            state.nextKey += 1
            return state.nextKey
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    if state.version != seen { return .success(()) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[key] = waiter
                    return nil
                }
                if let immediate { waiter.resume(with: immediate) }
            }
        } onCancel: {
            let waiter = state.withLock { $0.waiters.removeValue(forKey: key) }
            waiter?.resume(throwing: CancellationError())
        }
    }
}

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
