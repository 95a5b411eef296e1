import FoundationEssentials
import GuestLink
import HTTP
import Linux
import Machines
import Synchronization
import Wire

/// One running sandbox: a machine, the line to its guest, and the tunnels out.
package final class Sandbox: Sendable {
    package let id: String
    package let template: TemplateManifest
    package let machine: any Machine
    package let link: GuestLink
    /// What opens the guest; for those who reach it through the daemon.
    package let token: Secret
    /// What happens in it.
    package let journal: GuestJournal
    /// Set as soon as the sandbox begins to end: what is open to it is cut then.
    package let ending = Latch<StopReason>()
    /// Set when the sandbox has ended and nothing is left of it.
    package let ended = Latch<StopReason>()

    /// How long a guest may take to tell the last of what happened in it.
    private static let lastReading = Duration.seconds(1)

    private struct State {
        var life: SandboxLife
        var tunnels: Task<Void, Never>?
        /// Waits for the sandbox's time to be over.
        var watch: Task<Void, Never>?
    }
    private let state: Mutex<State>

    init(record: SandboxRecord, template: TemplateManifest, machine: any Machine, link: GuestLink, token: Secret) {
        id = record.id
        self.template = template
        self.machine = machine
        self.link = link
        self.token = token
        journal = GuestJournal(link, start: record.created)
        state = Mutex(State(life: SandboxLife(record)))
    }

    package var record: SandboxRecord { state.withLock { $0.life.record } }

    package var isRunning: Bool {
        state.withLock { if case .running = $0.life.phase { true } else { false } }
    }

    /// Changes when it ends.
    func moveEnd(_ change: (Date?) -> Date?) -> SandboxLife.Move {
        state.withLock { $0.life.moveEnd(change) }
    }

    /// Puts `watch` in the place of who waited for the end before.
    func setWatch(_ watch: Task<Void, Never>) {
        let previous = state.withLock { state in
            defer { state.watch = watch }
            return state.watch
        }
        previous?.cancel()
    }

    /// Begins to carry the guest's own connections out. The task's owner is this sandbox: it ends in ``stop(_:)``.
    func openTunnels(_ carry: @escaping @Sendable (TunnelOpening, any ByteStream) async -> Void) {
        let link = link
        let task = Task(executorPreference: EventLoop.shared) {
            // The first command goes first; a program that wants out earlier waits for a tunnel in the guest.
            try? await EventLoop.shared.sleep(for: .milliseconds(50))
            // A guest that does not take tunnels has no way out, which harms nobody but itself.
            while !Task.isCancelled {
                try? await link.serveTunnels(4, carry)
                try? await Task.sleep(for: .milliseconds(200))
            }
        }
        state.withLock { $0.tunnels = task }
    }

    /// Ends the machine and waits until nothing is left of it. The first reason stands.
    ///
    /// - Returns: whether this call was the first.
    @discardableResult
    func stop(_ reason: StopReason) async -> Bool {
        await end(reason) { $0.stop(reason) } == .begun
    }

    /// The same if the sandbox's time is over.
    func expire() async -> SandboxLife.Stop {
        await end(.expired) { $0.expire(at: Date()) }
    }

    private func end(_ reason: StopReason, _ begin: (inout SandboxLife) -> SandboxLife.Stop) async -> SandboxLife.Stop {
        let (stop, tunnels, watch) = state.withLock { state in (begin(&state.life), state.tunnels, state.watch) }
        switch stop {
        case .begun: break
        case .notDue: return stop
        case .underWay:
            _ = try? await ended.value()
            return stop
        }
        ending.set(reason)
        tunnels?.cancel()
        // A watch that found the time to be over is who is doing this.
        if reason != .expired { watch?.cancel() }
        if reason.leavesGuestAnswering {
            try? await withDeadline(Self.lastReading) { [journal] in try await journal.pull() }
        }
        await machine.destroy()
        state.withLock { $0.life.finish() }
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
