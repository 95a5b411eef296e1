import Linux
import Wire

/// Where programs of the guest find a way out of it. All of them lead to the host, which decides.
package struct WaysOut: Sendable {
    /// On the loopback: the gateway itself.
    package var gateway: Listener
    /// Given every connection to an address that is not the guest's own; nil where that can not be had.
    package var everywhere: Listener?
    /// The guest's name server, by UDP and by TCP.
    package var names: (datagrams: DatagramSocket, streams: Listener)?

    package init(gateway: Listener, everywhere: Listener? = nil, names: (DatagramSocket, Listener)? = nil) {
        self.gateway = gateway
        self.everywhere = everywhere
        self.names = names.map { (datagrams: $0.0, streams: $0.1) }
    }

    /// Serves all of them until the task is cancelled.
    func run(_ tunnels: Tunnels) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let port = if case .tcp(_, let port) = gateway.address { port } else { GuestProtocol.gatewayPort }
            group.addTask { [gateway] in try await tunnels.run(on: gateway) { _ in TunnelOpening(port: port) } }
            if let everywhere {
                let own = everywhere.address
                group.addTask {
                    try await tunnels.run(on: everywhere) { connection in
                        guard let meant = try? connection.localAddress(), meant != own,
                            case .tcp(let host, let port) = meant
                        else { return nil }
                        return TunnelOpening(.tcp, address: host, port: port)
                    }
                }
            }
            if let names {
                group.addTask { try await NameService(tunnels).run(on: names.datagrams) }
                group.addTask { try await tunnels.run(on: names.streams) { _ in TunnelOpening(.dns, port: 53) } }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
