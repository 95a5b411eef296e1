import FoundationEssentials
import Linux
import Synchronization
import Wire

/// What the guest used of its machine lately: one sample every few seconds, the newest of them.
final class Samples: Sendable {
    private let meter = Meter()
    private let samples = Mutex<[MetricSample]>([])

    private static let pause = Duration.seconds(5)
    /// An hour.
    private static let limit = 720

    /// Takes samples until the task is cancelled; while the guest is nobody's, it takes none.
    func run(while isWanted: @Sendable () -> Bool) async throws {
        while true {
            try await EventLoop.shared.sleep(for: Self.pause)
            if isWanted() { try await BlockingPool.run { [self] in take() } }
        }
    }

    /// Forgets all samples; the next is a first one.
    func empty() {
        samples.withLock { $0 = [] }
    }

    /// All samples, of which there always is one. Blocks.
    func all() -> [MetricSample] {
        if samples.withLock({ $0.isEmpty }) { take() }
        return samples.withLock { $0 }
    }

    /// What is used now; the processor's part is that since the last sample. Blocks.
    func measure() -> MetricSample { meter.measure(.look) }

    private func take() {
        let sample = meter.measure(samples.withLock { $0.isEmpty } ? .first : .sample)
        samples.withLock { samples in
            if samples.count >= Self.limit { samples.removeFirst(samples.count - Self.limit + 1) }
            samples.append(sample)
        }
    }
}
