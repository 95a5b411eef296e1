import FoundationEssentials

/// How far a sandbox's life is, and when it is to end. A value: ``Sandbox`` holds it behind its lock and does what it answers.
struct SandboxLife: Sendable {
    enum Phase: Sendable, Hashable {
        /// The guest answers. Becomes `stopping` once.
        case running
        /// The machine is being ended. Becomes `stopped`.
        case stopping(StopReason)
        /// Terminal: nothing is left to release.
        case stopped(StopReason)
    }

    /// What came of moving the end.
    enum Move: Sendable, Hashable {
        case moved
        /// It is to end when it was to end before.
        case unchanged
        /// It is ending, or has ended.
        case tooLate
    }

    /// What came of ending it.
    enum Stop: Sendable, Hashable {
        /// Whoever was told so ends the machine.
        case begun
        /// Somebody else ends it, or has.
        case underWay
        /// Its end was put off meanwhile.
        case notDue
    }

    private(set) var phase = Phase.running
    private(set) var record: SandboxRecord

    init(_ record: SandboxRecord) {
        self.record = record
    }

    mutating func moveEnd(_ change: (Date?) -> Date?) -> Move {
        guard case .running = phase else { return .tooLate }
        let ends = change(record.ends)
        guard ends != record.ends else { return .unchanged }
        record.ends = ends
        return .moved
    }

    /// The first reason stands.
    mutating func stop(_ reason: StopReason) -> Stop {
        guard case .running = phase else { return .underWay }
        phase = .stopping(reason)
        return .begun
    }

    /// Ends it if its time is over: looked at here, so that who was told that it goes on is told the truth.
    mutating func expire(at now: Date) -> Stop {
        guard case .running = phase else { return .underWay }
        guard let ends = record.ends, ends <= now else { return .notDue }
        return stop(.expired)
    }

    mutating func finish() {
        if case .stopping(let reason) = phase { phase = .stopped(reason) }
    }
}
