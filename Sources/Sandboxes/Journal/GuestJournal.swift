import FoundationEssentials
import GuestLink
import Linux
import Synchronization
import Wire

/// What happened in one sandbox: commands, what they wrote, how they ended.
///
/// The guest writes it down by itself; the host asks for it only when somebody wants to read it, and once more before the guest
/// rests or ends.
package final class GuestJournal: Sendable {
    private static let page = 500

    private let link: GuestLink
    private let buffer: Mutex<JournalBuffer>
    /// Held while the guest is asked, so that each entry is fetched once.
    private let reading = AsyncLock()

    /// - Parameters:
    ///   - known: what was read by an earlier daemon.
    ///   - base: where the guest that is there began to count.
    init(_ link: GuestLink, start: Date, known: [JournalEntry] = [], base: UInt64 = 0) {
        self.link = link
        buffer = Mutex(JournalBuffer(start: start, known: known, base: base))
    }

    /// Where the guest that is there began to count.
    var base: UInt64 { buffer.withLock { $0.base } }

    /// The guest was booted anew, and counts from 1.
    func beginAgain() {
        buffer.withLock { $0.beginAgain() }
    }

    /// All that is known, the oldest first, after asking the guest for what is new.
    package func entries() async throws -> [JournalEntry] {
        try await pull()
        return known
    }

    /// What was read so far.
    package var known: [JournalEntry] { buffer.withLock { $0.entries } }

    /// Fetches what is new. A guest that writes faster than it is read is not followed for ever.
    func pull() async throws {
        try await reading.withLock { [self] in
            var left = JournalBuffer.entryLimit
            while left > 0 {
                let after = buffer.withLock { $0.lastOfGuest }
                let page = try await link.journal(after: after, limit: Self.page)
                let added = buffer.withLock { $0.add(page) }
                if added < Self.page { return }
                left -= added
            }
        }
    }
}

extension GuestLink {
    /// How long a guest may take to tell about itself.
    private static var patience: Duration { .seconds(10) }

    /// A guest of a template that is older than the journal has none, which is no failure of whoever asks.
    fileprivate func journal(after: UInt64, limit: Int) async throws -> [JournalEntry] {
        do {
            return try await withDeadline(Self.patience) {
                try await call(ReadJournal.self, .init(after: after, limit: limit)).entries
            }
        } catch let error as CallError where error.code == .notFound || error.code == .unimplemented {
            return []
        }
    }

    /// What the guest measured of itself, the oldest first; times lie between `start` and now, numbers are no less than 0.
    package func metrics(since start: Date) async throws -> [MetricSample] {
        let samples: [MetricSample]
        do {
            samples = try await withDeadline(Self.patience) { try await call(ReadMetrics.self, Empty()).samples }
        } catch let error as CallError where error.code == .notFound || error.code == .unimplemented {
            return []
        }
        let now = Date()
        return samples.suffix(10_000).map { sample in
            var sample = sample
            sample.time = max(start, min(sample.time, now))
            sample.processors = max(0, sample.processors)
            sample.processorPercent = max(0, sample.processorPercent)
            for number in [
                \MetricSample.memoryUsed, \.memoryTotal, \.memoryCached, \.diskUsed, \.diskTotal,
            ] { sample[keyPath: number] = max(0, sample[keyPath: number]) }
            return sample
        }.sorted { $0.time < $1.time }
    }
}
