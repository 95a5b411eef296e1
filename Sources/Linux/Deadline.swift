/// The time allowed for something ran out.
package struct DeadlineExceeded: Error, Sendable, CustomStringConvertible {
    package let limit: Duration
    package var description: String { "the time limit of \(limit) ran out" }
}

/// Runs `body` and cancels it when `limit` has passed.
///
/// The deadline is only as real as the waits inside `body`: each must end when its task is cancelled.
///
/// - Throws: ``DeadlineExceeded`` when the limit passed first, else what `body` throws.
package func withDeadline<Result: Sendable>(
    _ limit: Duration,
    _ body: @Sendable @escaping () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await EventLoop.shared.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        // The first to end decides: nil is the clock.
        guard let first = try await group.next(), let result = first else { throw DeadlineExceeded(limit: limit) }
        return result
    }
}

/// Calls `attempt` until it returns a value, waiting `pause` in between, for `limit` at most.
///
/// For the few things that Linux tells nobody about, such as a server that begins to listen.
package func retrying<Result: Sendable>(
    every pause: Duration,
    for limit: Duration,
    _ attempt: @Sendable @escaping () async throws -> Result?
) async throws -> Result {
    try await withDeadline(limit) {
        while true {
            if let result = try await attempt() { return result }
            try await EventLoop.shared.sleep(for: pause)
        }
    }
}
