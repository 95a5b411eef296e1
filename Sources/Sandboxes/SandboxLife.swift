import Egress
import FoundationEssentials

/// How far a sandbox's life is, and when it is to end. A value: ``Sandbox`` holds it behind its lock and does what it answers.
///
///     running ⇄ pausing ─► paused ⇄ resuming ─► running          each but the last becomes stopping ─► stopped
///
/// It is generic over what it lives in, so that its rules can be tried without machines.
struct SandboxLife<Stay: Sendable & Hashable>: Sendable {
    enum Phase: Sendable, Hashable {
        /// The guest answers. Becomes `pausing`, `stopping`, or `paused` when its machine is lost and something was saved.
        case running(Stay)
        /// It is being saved. Becomes `paused`, `running` when that failed, or `stopping`.
        case pausing(Stay)
        /// It is in files and nowhere else. Becomes `resuming` or `stopping`.
        case paused(SavedState)
        /// A machine begins to go on from the files. Becomes `running`, `paused` when that failed, or `stopping`.
        case resuming(SavedState)
        /// Its machine, if any, is being ended. Becomes `stopped`.
        case stopping(StopReason)
        /// Terminal: nothing is left to release.
        case stopped(StopReason)
    }

    /// What came of moving the end.
    enum Move: Sendable, Hashable {
        case moved
        /// It is to end when it was to end before.
        case unchanged
        /// It rests: no time passes for it.
        case resting
        /// It is ending, or has ended.
        case tooLate
    }

    /// What came of ending it.
    enum Stop: Sendable, Hashable {
        /// Whoever was told so ends the machine.
        case begun
        /// Somebody else ends it, or has.
        case underWay
        /// Its end was put off meanwhile, or it rests.
        case notDue
    }

    /// What came of wanting it saved.
    enum Pause: Sendable, Hashable {
        /// Whoever was told so saves it, and says then what came of it.
        case begun(Stay)
        /// It rests already, or is on its way from or to that.
        case notRunning
        case tooLate
    }

    /// What came of wanting it to go on.
    enum Resume: Sendable, Hashable {
        /// Whoever was told so makes a machine of it, and says then what came of it.
        case begun(SavedState)
        case notPaused
        case tooLate
    }

    /// What becomes of it when its machine is lost.
    enum Loss: Sendable, Hashable {
        /// It is what was saved of it last.
        case rests
        /// Nothing is left: it ends.
        case ends
        /// It was not in that machine any more, or ends anyway.
        case nothing
    }

    private(set) var phase: Phase
    private(set) var record: SandboxRecord

    /// A sandbox that runs.
    init(_ record: SandboxRecord, in stay: Stay) {
        self.record = record
        self.record.isPaused = nil
        phase = .running(stay)
    }

    /// A sandbox that rests.
    init(_ record: SandboxRecord, as saved: SavedState) {
        self.record = record
        self.record.isPaused = true
        phase = .paused(saved)
    }

    /// Whether its guest can be asked for something.
    var isRunning: Bool { if case .running = phase { true } else { false } }

    /// Where it lives; nil when it rests, or ends.
    var stay: Stay? {
        switch phase {
        case .running(let stay), .pausing(let stay): stay
        case .paused, .resuming, .stopping, .stopped: nil
        }
    }

    // MARK: Its end

    mutating func moveEnd(_ change: (Date?) -> Date?) -> Move {
        switch phase {
        case .running, .pausing: break
        case .paused, .resuming: return .resting
        case .stopping, .stopped: return .tooLate
        }
        let ends = change(record.ends)
        guard ends != record.ends else { return .unchanged }
        record.ends = ends
        return .moved
    }

    /// Lets it live for so many seconds from now, or for ever; what it was asked for last is what it gets when it is resumed.
    mutating func live(_ seconds: Double?, from now: Date) -> Move {
        let move = moveEnd { _ in seconds.map { now.addingTimeInterval($0) } }
        if move == .moved || move == .unchanged { record.lifetime = seconds }
        return move
    }

    /// - Returns: whether it has a use: not when it is ending.
    mutating func setEgress(_ policy: EgressPolicy) -> Bool {
        switch phase {
        case .running, .pausing, .paused, .resuming:
            record.egress = policy
            return true
        case .stopping, .stopped: return false
        }
    }

    /// The first reason stands.
    mutating func stop(_ reason: StopReason) -> Stop {
        switch phase {
        case .running, .pausing, .paused, .resuming: break
        case .stopping, .stopped: return .underWay
        }
        phase = .stopping(reason)
        return .begun
    }

    /// Ends it if its time is over: looked at here, so that who was told that it goes on is told the truth.
    mutating func expire(at now: Date) -> Stop {
        isDue(at: now) ? stop(.expired) : isOver ? .underWay : .notDue
    }

    /// Whether its time is over.
    func isDue(at now: Date) -> Bool {
        stay != nil && record.ends.map { $0 <= now } ?? false
    }

    private var isOver: Bool {
        switch phase {
        case .stopping, .stopped: true
        case .running, .pausing, .paused, .resuming: false
        }
    }

    mutating func finish() {
        if case .stopping(let reason) = phase { phase = .stopped(reason) }
    }

    // MARK: Its rest

    mutating func pause() -> Pause {
        switch phase {
        case .running(let stay):
            phase = .pausing(stay)
            return .begun(stay)
        case .pausing, .paused, .resuming: return .notRunning
        case .stopping, .stopped: return .tooLate
        }
    }

    /// It was saved, and its machine is needed no more.
    ///
    /// - Returns: false when it ends.
    mutating func rest(as saved: SavedState) -> Bool {
        guard case .pausing = phase else { return false }
        record.saved = saved
        record.isPaused = true
        phase = .paused(saved)
        return true
    }

    /// It was saved and goes on: this is what is left of it when its machine is lost.
    ///
    /// - Returns: false when it runs no more.
    mutating func keep(_ saved: SavedState) -> Bool {
        guard case .running = phase else { return false }
        record.saved = saved
        return true
    }

    /// It could not be saved, or nobody could be told so.
    ///
    /// - Parameter previous: what was saved of it before.
    /// - Returns: false when it ends.
    mutating func goOn(in stay: Stay, having previous: SavedState?) -> Bool {
        switch phase {
        case .pausing, .paused: break
        case .running, .resuming, .stopping, .stopped: return false
        }
        record.saved = previous
        record.isPaused = nil
        phase = .running(stay)
        return true
    }

    mutating func resume() -> Resume {
        switch phase {
        case .paused(let saved):
            phase = .resuming(saved)
            return .begun(saved)
        case .running, .pausing, .resuming: return .notPaused
        case .stopping, .stopped: return .tooLate
        }
    }

    /// A machine goes on from what was saved, which is kept until something newer is.
    ///
    /// - Returns: false when it ends.
    mutating func wake(in stay: Stay, named machine: String, living lifetime: ResumedLifetime, from now: Date) -> Bool {
        guard case .resuming = phase else { return false }
        record.machine = machine
        switch lifetime {
        case .asBefore: if record.ends == nil { record.lifetime = nil }
        case .anew(let length): record.lifetime = length.map { $0 / .seconds(1) }
        }
        record.ends = record.lifetime.map { now.addingTimeInterval($0) }
        record.isPaused = nil
        phase = .running(stay)
        return true
    }

    /// No machine could be made to go on.
    mutating func restAgain() {
        guard case .resuming(let saved) = phase else { return }
        phase = .paused(saved)
    }

    mutating func lose(_ stay: Stay) -> Loss {
        guard case .running(stay) = phase else { return .nothing }
        guard let saved = record.saved else { return .ends }
        record.isPaused = true
        phase = .paused(saved)
        return .rests
    }
}
