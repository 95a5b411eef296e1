import Synchronization

/// A value, or a failure, that arrives once.
///
/// Waiting for it does not end with the waiting task: whoever makes one sees to it that it is always resolved.
final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Value, any Error>])
        /// Terminal.
        case resolved(Result<Value, any Error>)
    }

    private let state = Mutex<State>(.waiting([]))

    /// The first call counts.
    func resolve(_ result: Result<Value, any Error>) {
        let waiters: [CheckedContinuation<Value, any Error>] = state.withLock { state in
            guard case .waiting(let waiters) = state else { return [] }
            state = .resolved(result)
            return waiters
        }
        for waiter in waiters { waiter.resume(with: result) }
    }

    func value() async throws -> Value {
        try await withCheckedThrowingContinuation { waiter in
            let result: Result<Value, any Error>? = state.withLock { state in
                switch state {
                case .resolved(let result): return result
                case .waiting(let waiters):
                    state = .waiting(waiters + [waiter])
                    return nil
                }
            }
            if let result { waiter.resume(with: result) }
        }
    }
}

/// Runs `body`, but not longer than `limit`.
///
/// When the time has passed or the caller is cancelled, `body` is cancelled and **not** waited for: it may be somebody else's
/// code, which need not listen.
///
/// - Throws: ``TimedOut``, `CancellationError`, or what `body` throws.
func within<Value: Sendable>(
    _ limit: Duration?,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let outcome = OneShot<Value>()
    // Unstructured, because a group would wait for it.
    let work = Task {
        do {
            outcome.resolve(.success(try await body()))
        } catch {
            outcome.resolve(.failure(error))
        }
    }
    let clock = limit.map { limit in
        Task {
            try await Task.sleep(for: limit)
            outcome.resolve(.failure(TimedOut()))
        }
    }
    defer {
        work.cancel()
        clock?.cancel()
    }
    return try await withTaskCancellationHandler {
        try await outcome.value()
    } onCancel: {
        outcome.resolve(.failure(CancellationError()))
    }
}

/// The time allowed for something ran out.
struct TimedOut: Error {}
