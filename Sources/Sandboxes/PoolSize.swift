/// How many machines wait for a template.
package enum PoolSize: Sendable, Hashable {
    case fixed(Int)
    /// As many as were taken at once of late, and one where none was.
    case byUse(most: Int)

    /// What a daemon has that was told nothing.
    package static let standard = PoolSize.byUse(most: 8)
}

/// When machines of one template were taken, and how many should wait for the next ones. A value: ``MachinePool`` holds it behind its
/// lock.
struct PoolDemand: Sendable {
    /// For a template of which nothing is known yet.
    private static let atFirst = 2
    /// Those that are taken within this time must all wait before: to make one takes as long.
    private static let burst = Duration.seconds(20)
    /// For so long it is remembered.
    private static let memory = Duration.seconds(15 * 60)

    private let start: ContinuousClock.Instant
    private var takes: [ContinuousClock.Instant] = []

    init(since start: ContinuousClock.Instant) {
        self.start = start
    }

    mutating func noteTake(at now: ContinuousClock.Instant) {
        takes.removeAll { now - $0 > Self.memory }
        takes.append(now)
    }

    func size(_ rule: PoolSize, at now: ContinuousClock.Instant) -> Int {
        switch rule {
        case .fixed(let size): return size
        case .byUse(let most):
            let late = takes.filter { now - $0 <= Self.memory }
            var peak = now - start <= Self.memory ? Self.atFirst : 1
            for (index, first) in late.enumerated() {
                peak = max(peak, late[index...].count { $0 - first <= Self.burst })
            }
            return min(peak, most)
        }
    }
}
