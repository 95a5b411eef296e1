import Synchronization

/// A value that arrives once; any number of tasks may wait for it.
package final class Latch<Value: Sendable>: Sendable {
    private enum State {
        case waiting([UInt64: CheckedContinuation<Value, any Error>], next: UInt64)
        /// Terminal.
        case set(Value)
    }

    private let state = Mutex<State>(.waiting([:], next: 0))

    package init() {}

    /// Sets the value; a later call changes nothing.
    package func set(_ value: Value) {
        let waiters: [CheckedContinuation<Value, any Error>] = state.withLock { state in
            guard case .waiting(let waiters, _) = state else { return [] }
            state = .set(value)
            return Array(waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: value) }
    }

    /// The value, if it has arrived.
    package var current: Value? {
        state.withLock { if case .set(let value) = $0 { value } else { nil } }
    }

    /// Waits for the value.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled.
    package func value() async throws -> Value {
        let key: UInt64? = state.withLock { state in
            guard case .waiting(let waiters, let next) = state else { return nil }
            state = .waiting(waiters, next: next + 1)
            return next
        }
        guard let key else { return try await valueOfSetLatch() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Value, any Error>) in
                let immediate: Result<Value, any Error>? = state.withLock { state in
                    switch state {
                    case .set(let value): return .success(value)
                    case .waiting(var waiters, let next):
                        if Task.isCancelled { return .failure(CancellationError()) }
                        waiters[key] = waiter
                        state = .waiting(waiters, next: next)
                        return nil
                    }
                }
                if let immediate { waiter.resume(with: immediate) }
            }
        } onCancel: {
            let waiter: CheckedContinuation<Value, any Error>? = state.withLock { state in
                guard case .waiting(var waiters, let next) = state else { return nil }
                let waiter = waiters.removeValue(forKey: key)
                state = .waiting(waiters, next: next)
                return waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func valueOfSetLatch() async throws -> Value {
        guard let current else { preconditionFailure("a set latch has a value") }
        return current
    }
}
