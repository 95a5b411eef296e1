import HTTP
import Linux
import RPC
import Wire

extension GuestLink {
    private static let closedPort = "The sandbox is running but port is not open"

    /// Connects to a port of the guest, whichever of its addresses the server there listens on; the caller closes the stream.
    ///
    /// - Throws: ``CallError`` `unavailable` when nothing listens there, or the guest does not answer.
    package func connect(port: UInt16) async throws -> any ByteStream {
        // The gateway's door is for programs of the guest: a stranger let in there would spend its owner's money.
        guard port != GuestProtocol.gatewayPort else { throw CallError(.unavailable, Self.closedPort) }
        let head = RequestHead(
            method: "POST",
            target: "\(GuestProtocol.connectPath)?port=\(port)",
            headers: calls.headers
        )
        do {
            return try await http.upgrade(head, to: GuestProtocol.connectUpgrade)
        } catch let error as HTTPError {
            if error.status == 502 { throw CallError(.unavailable, Self.closedPort) }
            throw CallError(CallError.code(forStatus: error.status), "The guest did not connect to port \(port)")
        } catch let error as LinuxError {
            throw CallError(.unavailable, "The guest can not be reached: \(error)")
        }
    }
}
