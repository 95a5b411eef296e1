/// A lock that may be held across suspension; waiters are served in order.
///
/// A cancelled waiter still takes its turn: keep what is done under the lock short.
package final class AsyncLock: Sendable {
    private let permit = AsyncSemaphore(1)

    package init() {}

    package func withLock<Result: Sendable>(_ body: @Sendable () async throws -> Result) async rethrows -> Result {
        try await permit.withPermit(body)
    }
}
