import Egress
import FoundationEssentials
import GuestLink
import Linux
import Machines
import Synchronization
import Wire

/// One sandbox: a machine, or what is saved of one, and the line to its guest.
///
/// *Concurrency.* `state` changes under its lock. What takes time to change it, pausing and resuming, is done by one task at a
/// time, which holds `turning`; an end does not wait for that lock to begin, but to finish.
package final class Sandbox: Sendable {
    package let id: String
    package let template: TemplateManifest
    /// The way to its guest, the same in whichever machine that goes on.
    package let link: GuestLink
    let line: GuestLine
    /// What opens the guest; for those who reach it through the daemon.
    package let token: Secret
    /// What happens in it.
    package let journal: GuestJournal
    /// What it was measured to use before it was paused.
    let restingSamples = Mutex<[MetricSample]>([])
    /// Set when the sandbox has ended and nothing is left of it.
    package let ended = Latch<StopReason>()
    let turning = AsyncLock()
    /// Who uses it, for those that are paused when nobody does.
    package let use = SandboxUse()
    /// The one that waits in it, from its template.
    package let agent = AgentPlace()

    /// How long a guest may take to tell the last of what happened in it.
    private static let lastReading = Duration.seconds(1)

    private struct State {
        var life: SandboxLife<Stay>
        /// Waits for the sandbox's time to be over.
        var watch: Task<Void, Never>?
    }
    private let state: Mutex<State>

    /// A sandbox that runs.
    init(record: SandboxRecord, template: TemplateManifest, stay: Stay, line: GuestLine, token: Secret) {
        id = record.id
        self.template = template
        self.line = line
        self.token = token
        link = GuestLink(line, token: token)
        journal = GuestJournal(link, start: record.created)
        state = Mutex(State(life: SandboxLife(record, in: stay)))
    }

    /// A sandbox that rests.
    init(record: SandboxRecord, template: TemplateManifest, saved: SavedState, notes: RestingNotes, token: Secret) {
        id = record.id
        self.template = template
        line = GuestLine()
        self.token = token
        link = GuestLink(line, token: token)
        journal = GuestJournal(link, start: record.created, known: notes.entries, base: notes.base ?? 0)
        restingSamples.withLock { $0 = notes.samples }
        state = Mutex(State(life: SandboxLife(record, as: saved)))
    }

    package var record: SandboxRecord { state.withLock { $0.life.record } }

    /// Whether its guest can be asked for something at this moment.
    package var isRunning: Bool {
        state.withLock { $0.life.isRunning }
    }

    /// What it is to those outside; nil when it is ending, or has ended. One that is being paused runs until it is.
    package var condition: SandboxState? {
        state.withLock { state in
            switch state.life.phase {
            case .running, .pausing: .running
            case .paused, .resuming: .paused
            case .stopping, .stopped: nil
            }
        }
    }

    /// Its time in the machine of now; nil when it has none.
    package var stay: Stay? { state.withLock { $0.life.stay } }

    /// Waits until it is no longer on its way to rest, or from there.
    package func settled() async throws {
        try await turning.withLock {}
    }

    /// Takes a step of its life.
    func change<Result: Sendable>(_ body: (inout SandboxLife<Stay>) -> Result) -> Result {
        state.withLock { body(&$0.life) }
    }

    /// Changes what it may reach, in its record alone.
    func setEgress(_ policy: EgressPolicy) -> Bool {
        state.withLock { $0.life.setEgress(policy) }
    }

    /// Puts `watch` in the place of who waited for the end before.
    func setWatch(_ watch: Task<Void, Never>?) {
        let previous = state.withLock { state in
            defer { state.watch = watch }
            return state.watch
        }
        previous?.cancel()
    }

    /// Has the guest tell the last of what happened in it, if it does so soon.
    func readLast() async {
        try? await withDeadline(Self.lastReading) { [journal] in try await journal.pull() }
    }

    /// Ends the machine and waits until nothing is left of it. The first reason stands.
    ///
    /// - Returns: whether this call was the first.
    @discardableResult
    func stop(_ reason: StopReason) async -> Bool {
        await end(reason) { $0.stop(reason) } == .begun
    }

    /// The same if the sandbox's time is over.
    func expire() async -> SandboxLife<Stay>.Stop {
        await end(.expired) { $0.expire(at: Date()) }
    }

    private func end(
        _ reason: StopReason,
        _ begin: (inout SandboxLife<Stay>) -> SandboxLife<Stay>.Stop
    ) async -> SandboxLife<Stay>.Stop {
        let (stop, stay, wasRunning, watch) = state.withLock { state in
            let stay = state.life.stay
            let wasRunning = state.life.isRunning
            return (begin(&state.life), stay, wasRunning, state.watch)
        }
        switch stop {
        case .begun: break
        case .notDue: return stop
        case .underWay:
            _ = try? await ended.value()
            return stop
        }
        stay?.end(.stopped(reason))
        // A watch that found the time to be over is who is doing this.
        if reason != .expired { watch?.cancel() }
        if wasRunning, reason.leavesGuestAnswering { await readLast() }
        await stay?.machine.destroy()
        // Whoever pauses or resumes it finds that it ends, and leaves nothing.
        await Task { [turning] in try? await turning.withLock {} }.value
        change { $0.finish() }
        ended.set(reason)
        return stop
    }
}

extension StopReason {
    /// Whether there is still a guest to ask, who has something to tell.
    fileprivate var leavesGuestAnswering: Bool {
        switch self {
        case .requested, .expired, .shutdown: true
        case .machineEnded, .startFailed: false
        }
    }
}
