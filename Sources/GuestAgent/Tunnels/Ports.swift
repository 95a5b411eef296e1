import HTTP
import Linux
import Wire

/// `POST /martlet/connect?port=N`: the host's way in to what listens in the guest.
///
/// Connections are made from inside, so that a server which listens on the loopback alone is reached as well.
struct Ports: Sendable {
    private let joined = JoinedStreams()

    /// How long a server whose queue of new connections is full may keep the host waiting.
    private static let patience = Duration.seconds(10)

    /// Turns the connection of an upgrade request into one to the port, and keeps it until both directions have ended.
    func connect(_ exchange: Exchange) async throws {
        let request = exchange.request
        guard request.headers["Upgrade"]?.lowercased() == GuestProtocol.connectUpgrade else {
            throw HTTPError(426, "A connection to a port needs 'Upgrade: \(GuestProtocol.connectUpgrade)'")
        }
        guard let port = request.query["port"].flatMap({ UInt16($0) }), port > 0 else {
            throw HTTPError(400, "A connection to a port needs 'port' in its query, from 1 to 65535")
        }
        // What comes in must not go out again by the gateway: that is for programs of the guest.
        guard port != GuestProtocol.gatewayPort, let program = await Self.dial(port) else {
            throw HTTPError(502, "The sandbox is running but port is not open")
        }
        defer { program.close() }
        let host = try await exchange.upgrade(to: GuestProtocol.connectUpgrade)
        let key = joined.add(program, host)
        defer { joined.remove(key) }
        await splice(program, host)
    }

    /// Closes every connection: whoever asked for them has lost the guest.
    func dropAll() {
        joined.closeAll()
    }

    private static func dial(_ port: UInt16) async -> Channel? {
        for host in ["127.0.0.1", "::1"] {
            let channel = try? await withDeadline(patience) { try await Channel.connect(to: .tcp(host, port)) }
            if let channel { return channel }
        }
        return nil
    }
}
