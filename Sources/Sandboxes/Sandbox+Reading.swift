import Synchronization
import Wire

/// What a sandbox tells of itself, running or not.
extension Sandbox {
    /// What happened in it, the oldest first.
    package func entries() async throws -> [JournalEntry] {
        condition == .paused ? journal.known : try await journal.entries()
    }

    /// What it was measured to use, the oldest first.
    package func metrics() async throws -> [MetricSample] {
        condition == .paused ? restingSamples.withLock { $0 } : try await samples()
    }

    /// What its guest measures.
    func samples() async throws -> [MetricSample] {
        try await link.metrics(since: record.created)
    }
}
