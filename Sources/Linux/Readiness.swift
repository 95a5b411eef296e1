import Synchronization

/// One direction of a descriptor: whether something happened since the last look, and who waits for it.
///
/// Edge-triggered events are told once. So a reader calls ``clear()`` *before* it tries the call: an event between the try
/// and the wait is then still there when ``wait()`` looks.
final class Readiness: EventSource {
    private enum State {
        case idle
        case signalled
        case waiting(CheckedContinuation<Void, any Error>)
        /// Terminal.
        case closed
    }

    private let state = Mutex<State>(.idle)

    func ready(_ mask: UInt32) { signal() }

    func clear() {
        state.withLock { if case .signalled = $0 { $0 = .idle } }
    }

    func signal() {
        let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
            switch state {
            case .idle:
                state = .signalled
                return nil
            case .waiting(let waiter):
                state = .signalled
                return waiter
            case .signalled, .closed:
                return nil
            }
        }
        waiter?.resume()
    }

    /// Ends the wait of whoever waits, and every later one at once.
    func close() {
        let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
            defer { state = .closed }
            if case .waiting(let waiter) = state { return waiter }
            return nil
        }
        waiter?.resume()
    }

    /// Waits for the next signal; at most one task may wait at a time.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled.
    func wait() async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let immediate: Result<Void, any Error>? = state.withLock { state in
                    switch state {
                    case .signalled:
                        state = .idle
                        return .success(())
                    case .closed:
                        return .success(())
                    case .idle:
                        if Task.isCancelled { return .failure(CancellationError()) }
                        state = .waiting(waiter)
                        return nil
                    case .waiting:
                        preconditionFailure("two tasks wait for one direction of a descriptor")
                    }
                }
                if let immediate { waiter.resume(with: immediate) }
            }
        } onCancel: {
            let waiter: CheckedContinuation<Void, any Error>? = state.withLock { state in
                guard case .waiting(let waiter) = state else { return nil }
                state = .idle
                return waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }
}
