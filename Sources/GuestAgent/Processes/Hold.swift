import CLinux
import Glibc
import HTTP
import Linux
import Synchronization
import Wire

/// `POST /martlet/hold`: lets the guest's processes stand still while the host saves their machine.
///
/// What is saved then runs nothing of its own until it has an identity, fresh randomness and the right time. In the machine
/// that was saved the connection ends, by the host's wish or with the host, and the processes go on. In one that was made from
/// it the connection leads nowhere: it does not end but breaks, and only the identity lets them go on.
final class Hold: Sendable {
    private struct State {
        var holders: Set<UInt64> = []
        var next: UInt64 = 0
    }

    private let groups: ControlGroups?
    private let state = Mutex(State())
    /// Held while processes are stopped or let go: the last word is the right one.
    private let turn = AsyncLock()

    init(_ groups: ControlGroups?) {
        self.groups = groups
    }

    func answer(_ exchange: Exchange) async throws {
        guard exchange.request.headers["Upgrade"]?.lowercased() == GuestProtocol.holdUpgrade else {
            throw HTTPError(426, "A hold needs 'Upgrade: \(GuestProtocol.holdUpgrade)'")
        }
        let holder = try await begin()
        let wantsWriting = exchange.request.query["sync"] != nil
        if wantsWriting {
            do {
                try await BlockingPool.run { try Self.writeDisk() }
            } catch {
                try await end(holder)
                throw error
            }
        }
        do {
            let host = try await exchange.upgrade(to: GuestProtocol.holdUpgrade)
            let line = wantsWriting ? GuestProtocol.heldAndWrittenLine : GuestProtocol.heldLine
            try await host.write(Array(line.utf8))
            // Nothing is said here but the end.
            guard try await host.read(upTo: 1).isEmpty else { throw HTTPError(400, "A hold is ended by its end alone") }
        } catch {
            // Broken and not ended: this may be another machine now. The host ends what it lost by asking for it.
            return
        }
        try await end(holder)
    }

    /// Holds them until ``end()``, or the same of this holder.
    @discardableResult
    func begin() async throws -> UInt64 {
        try await turn.withLock { [self] in
            let holder = state.withLock { state in
                state.next += 1
                state.holders.insert(state.next)
                return state.next
            }
            do {
                try await set(true)
            } catch {
                _ = state.withLock { $0.holders.remove(holder) }
                throw error
            }
            return holder
        }
    }

    /// Ends one hold; the processes go on after the last.
    private func end(_ holder: UInt64) async throws {
        try await turn.withLock { [self] in
            let isLast = state.withLock { $0.holders.remove(holder) != nil && $0.holders.isEmpty }
            if isLast { try await set(false) }
        }
    }

    /// Ends all holds.
    func end() async throws {
        try await turn.withLock { [self] in
            let isHeld = state.withLock { state in
                defer { state.holders = [] }
                return !state.holders.isEmpty
            }
            if isHeld { try await set(false) }
        }
    }

    /// The root's alone: what is mounted from elsewhere may wait for who is held.
    private static func writeDisk() throws {
        let root = try Descriptor.open("/", O_RDONLY | O_DIRECTORY)
        try check("write the disk") { clinux_write_file_system(root.raw) }
    }

    private func set(_ isFrozen: Bool) async throws {
        guard let groups else { return }
        try await BlockingPool.run { try groups.setFrozen(isFrozen) }
    }
}
