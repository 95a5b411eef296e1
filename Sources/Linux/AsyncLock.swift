import Synchronization

/// A lock that may be held across suspension; waiters are served in order.
///
/// A cancelled waiter still takes its turn: keep what is done under the lock short.
package final class AsyncLock: Sendable {
    private struct State {
        var isHeld = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    package init() {}

    package func withLock<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
        await acquire()
        defer { release() }
        return try await body()
    }

    private func acquire() async {
        await withCheckedContinuation { waiter in
            let isFree = state.withLock { state in
                if state.isHeld {
                    state.waiters.append(waiter)
                    return false
                }
                state.isHeld = true
                return true
            }
            if isFree { waiter.resume() }
        }
    }

    private func release() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            if state.waiters.isEmpty {
                state.isHeld = false
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}
