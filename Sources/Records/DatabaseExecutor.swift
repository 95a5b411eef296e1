import Dispatch

/// A queue of its own for one database, so that its blocking calls never hold a thread of the concurrency pool.
final class DatabaseExecutor: SerialExecutor {
    private let queue = DispatchQueue(label: "martlet.records")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // The job may let go of the last reference to the actor, and so to this executor: the block keeps it.
        queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }

    /// Runs `body` on the queue, for what comes before there is an actor.
    func perform<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
