import Synchronization

/// Lets a bounded number of tasks through at once; the others wait in order.
package final class AsyncSemaphore: Sendable {
    private struct State {
        var permits: Int
        var nextKey: UInt64 = 0
        /// In the order of arrival.
        var waiters: [(key: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    private let state: Mutex<State>

    package init(_ permits: Int) {
        state = Mutex(State(permits: permits))
    }

    /// - Throws: `CancellationError`, at once, when the task is cancelled while it waits; else what `body` throws.
    package func withPermit<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await take()
        defer { give() }
        return try await body()
    }

    /// Calls `body` if there is a permit at this moment; nil when there is none.
    package func withPermitIfFree<Result: Sendable>(
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result? {
        let isTaken = state.withLock { state in
            guard state.permits > 0 else { return false }
            state.permits -= 1
            return true
        }
        guard isTaken else { return nil }
        defer { give() }
        return try await body()
    }

    /// Takes a permit for longer than one call; ``give()`` brings it back.
    package func take() async throws {
        let key: UInt64? = state.withLock { state in
            if state.permits > 0 {
                state.permits -= 1
                return nil
            }
            state.nextKey += 1
            return state.nextKey
        }
        guard let key else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.permits > 0 {
                        state.permits -= 1
                        return .success(())
                    }
                    state.waiters.append((key, waiter))
                    return nil
                }
                if let immediate { waiter.resume(with: immediate) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.key == key }.map { state.waiters.remove(at: $0).continuation }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    package func give() {
        let next: CheckedContinuation<Void, any Error>? = state.withLock { state in
            if state.waiters.isEmpty {
                state.permits += 1
                return nil
            }
            return state.waiters.removeFirst().continuation
        }
        next?.resume()
    }
}
