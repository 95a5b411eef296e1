import Dispatch

/// Threads for calls that can only block, so that the threads of the concurrency pool never do.
package enum BlockingPool {
    private static let queue = DispatchQueue(label: "martlet.blocking", attributes: .concurrent)

    /// Runs `body` on a thread that may block. It can not be interrupted: keep it short or bounded.
    package static func run<Result: Sendable>(_ body: @Sendable @escaping () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result(catching: body)) }
        }
    }
}
