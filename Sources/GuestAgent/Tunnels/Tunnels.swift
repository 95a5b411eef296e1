import FoundationEssentials
import HTTP
import Linux
import Synchronization
import Wire

/// Carries connections that programs of the guest make to its own loopback out to the host.
///
/// The guest has no way out, so the host opens connections to the agent ahead of time and leaves them parked here. For each
/// connection that a program makes, one of them is taken, told what it is for, and joined with it.
final class Tunnels: Sendable {
    /// A connection from the host that waits to be used.
    ///
    /// It is read while it waits, for that is how its end is noticed; whoever takes it waits until that reading has stopped.
    private final class Parked: Sendable {
        let stream: any ByteStream
        let isTaken = Latch<Void>()
        /// Whether it was still alive when the reading stopped.
        let isReleased = Latch<Bool>()
        let isDone = Latch<Void>()

        init(_ stream: any ByteStream) {
            self.stream = stream
        }
    }

    private let parked = Mutex<[Parked]>([])
    private let joined = JoinedStreams()
    private let changes = Changes()
    private let patience: Duration

    /// - Parameter patience: how long a program's connection waits for the host.
    init(patience: Duration) {
        self.patience = patience
    }

    var parkedCount: Int { parked.withLock { $0.count } }

    /// Parks the connection of an upgrade request, and keeps it until it was used or is gone.
    func park(_ exchange: Exchange) async throws {
        guard exchange.request.headers["Upgrade"]?.lowercased() == GuestProtocol.tunnelUpgrade else {
            throw HTTPError(426, "A tunnel needs 'Upgrade: \(GuestProtocol.tunnelUpgrade)'")
        }
        let tunnel = Parked(try await exchange.upgrade(to: GuestProtocol.tunnelUpgrade))
        parked.withLock { $0.append(tunnel) }
        changes.announce()
        let isAlive = await Self.watch(tunnel)
        let wasTaken = parked.withLock { parked in
            guard let index = parked.firstIndex(where: { $0 === tunnel }) else { return true }
            parked.remove(at: index)
            return false
        }
        tunnel.isReleased.set(isAlive)
        if wasTaken { try await tunnel.isDone.value() }
    }

    /// Waits until the tunnel is taken, or its host side says anything, which can only be its end; true when taken.
    private static func watch(_ tunnel: Parked) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await tunnel.isTaken.value()) != nil }
            group.addTask {
                _ = try? await tunnel.stream.read(upTo: 1)
                return false
            }
            defer { group.cancelAll() }
            return await group.next() ?? false
        }
    }

    /// Closes every tunnel: after a resume they lead to a host that is no longer there, which nothing would tell a program
    /// that waits for an answer.
    func dropAll() {
        joined.closeAll()
        let dropped = parked.withLock { parked in
            defer { parked = [] }
            return parked
        }
        for tunnel in dropped {
            tunnel.stream.close()
            tunnel.isDone.set(())
        }
    }

    /// Accepts the connections of programs until the task is cancelled, and carries each to where `opening` says.
    ///
    /// - Parameter opening: nil refuses the connection.
    func run(on listener: Listener, _ opening: @escaping @Sendable (Channel) -> TunnelOpening?) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let connection = try await listener.accept()
                group.addTask(executorPreference: EventLoop.shared) {
                    // A connection that nobody takes up is closed, which is all that a program can be told.
                    if let opening = opening(connection) { try? await self.carry(connection, opening) }
                    connection.close()
                }
            }
        }
    }

    private func carry(_ connection: Channel, _ opening: TunnelOpening) async throws {
        let tunnel = try await open(opening)
        let key = joined.add(connection)
        defer {
            joined.remove(key)
            tunnel.close()
        }
        await splice(connection, tunnel.stream)
    }

    // MARK: Opening

    /// A tunnel in use; whoever opened it closes it.
    final class Tunnel: Sendable {
        let stream: any ByteStream
        private let end: @Sendable () -> Void

        fileprivate init(_ stream: any ByteStream, end: @escaping @Sendable () -> Void) {
            self.stream = stream
            self.end = end
        }

        func close() {
            stream.close()
            end()
        }
    }

    /// Takes a tunnel, and says what it is for.
    ///
    /// - Throws: `DeadlineExceeded` when the host has none for it.
    func open(_ opening: TunnelOpening) async throws -> Tunnel {
        let line = Array(try JSONEncoder().encode(opening)) + [0x0A]
        while true {
            let parked = try await withDeadline(patience) { try await self.take() }
            let key = joined.add(parked.stream)
            parked.isTaken.set(())
            let tunnel = Tunnel(parked.stream) { [joined] in
                joined.remove(key)
                parked.isDone.set(())
            }
            if let isAlive = try? await parked.isReleased.value(), isAlive,
                (try? await tunnel.stream.write(line)) != nil
            {
                return tunnel
            }
            tunnel.close()
            try Task.checkCancellation()
        }
    }

    private func take() async throws -> Parked {
        while true {
            let seen = changes.version
            if let tunnel = parked.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return tunnel }
            try await changes.wait(past: seen)
        }
    }
}
