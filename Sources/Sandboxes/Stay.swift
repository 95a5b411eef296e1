import GuestLink
import HTTP
import Linux
import Machines
import Synchronization
import Wire

/// A sandbox's time in one machine: from its create or a resume until it is paused or ended.
package final class Stay: Sendable, Hashable {
    package enum End: Sendable, Hashable {
        /// The sandbox rests.
        case paused
        case stopped(StopReason)
    }

    package let machine: any Machine
    /// Set as soon as it is over: what is open to the guest is cut then.
    package let ending = Latch<End>()
    private let tunnels = Mutex<Task<Void, Never>?>(nil)

    init(in machine: any Machine) {
        self.machine = machine
    }

    package static func == (one: Stay, other: Stay) -> Bool { one === other }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// The name of its machine's directory.
    var machineName: String { machine.directory.split(separator: "/").last.map(String.init) ?? "" }

    /// Begins to carry the guest's own connections out, until the stay ends.
    func openTunnels(
        _ link: GuestLink,
        _ carry: @escaping GuestLink.TunnelHandler
    ) {
        let task = Task(executorPreference: EventLoop.shared) {
            await link.keepTunnels(carry)
        }
        tunnels.withLock { $0 = task }
        // It may have ended meanwhile.
        if ending.current != nil { task.cancel() }
    }

    /// Cuts what is open to the guest. The first end stands.
    func end(_ end: End) {
        ending.set(end)
        tunnels.withLock { $0 }?.cancel()
    }
}
