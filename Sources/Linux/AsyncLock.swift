/// A lock that may be held across suspension; waiters are served in order, and a cancelled one leaves the queue.
package final class AsyncLock: Sendable {
    private let permit = AsyncSemaphore(1)

    package init() {}

    package func withLock<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        try await permit.withPermit(body)
    }

    /// Calls `body` if the lock is free at this moment; nil when it is not.
    package func withLockIfFree<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result? {
        try await permit.withPermitIfFree(body)
    }
}
