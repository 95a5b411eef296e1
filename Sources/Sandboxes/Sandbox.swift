import FoundationEssentials
import GuestLink
import HTTP
import Linux
import Machines
import Synchronization
import Wire

/// Why a sandbox is no more.
package enum StopReason: String, Codable, Sendable, Hashable {
    /// Somebody asked for it.
    case requested
    /// Its time was over.
    case expired
    /// Its machine ended by itself: the guest powered off, or QEMU was killed.
    case machineEnded
    /// The daemon was stopped.
    case shutdown
    /// It could not be made.
    case startFailed
}

/// What is told about a sandbox.
package struct SandboxRecord: Codable, Sendable, Hashable {
    package var id: String
    package var template: String
    package var buildID: String
    /// The directory of its machine, below `machines/`.
    package var machine: String
    package var created: Date
    package var ends: Date?
    package var metadata: [String: String]
    /// What it was made from: the template may be built anew or removed while its sandboxes go on.
    package var manifest: TemplateManifest?
    /// Nil in records of sandboxes that were made before there was one.
    package var ingress: IngressPolicy?
    /// What opens the ports of a sandbox without public traffic.
    package var trafficToken: String?

    package init(
        id: String,
        template: TemplateManifest,
        machine: String,
        created: Date,
        ends: Date?,
        metadata: [String: String]
    ) {
        self.id = id
        self.template = template.name
        buildID = template.buildID
        manifest = template
        self.machine = machine
        self.created = created
        self.ends = ends
        self.metadata = metadata
    }
}

/// One running sandbox: a machine, the line to its guest, and the tunnels out.
package final class Sandbox: Sendable {
    private enum Phase {
        /// The guest answers. Becomes `stopping` once.
        case running
        /// The machine is being ended. Becomes `stopped`.
        case stopping(StopReason)
        /// Terminal: nothing is left to release.
        case stopped(StopReason)
    }

    package let id: String
    package let template: TemplateManifest
    package let machine: any Machine
    package let link: GuestLink
    /// What opens the guest; for those who reach it through the daemon.
    package let token: Secret
    /// Set when the sandbox has ended and nothing is left of it.
    package let ended = Latch<StopReason>()

    private struct State {
        var phase = Phase.running
        var record: SandboxRecord
        var tunnels: Task<Void, Never>?
    }
    private let state: Mutex<State>

    init(record: SandboxRecord, template: TemplateManifest, machine: any Machine, link: GuestLink, token: Secret) {
        id = record.id
        self.template = template
        self.machine = machine
        self.link = link
        self.token = token
        state = Mutex(State(record: record))
    }

    package var record: SandboxRecord { state.withLock { $0.record } }

    package var isRunning: Bool {
        state.withLock { if case .running = $0.phase { true } else { false } }
    }

    func setEnd(_ ends: Date?) {
        state.withLock { $0.record.ends = ends }
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
        let (isFirst, tunnels) = state.withLock { state -> (Bool, Task<Void, Never>?) in
            guard case .running = state.phase else { return (false, nil) }
            state.phase = .stopping(reason)
            return (true, state.tunnels)
        }
        guard isFirst else {
            _ = try? await ended.value()
            return false
        }
        tunnels?.cancel()
        await machine.destroy()
        state.withLock { $0.phase = .stopped(reason) }
        ended.set(reason)
        return true
    }
}
