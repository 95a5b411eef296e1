import GuestLink
import HTTP
import Linux
import Machines
import RPC
import Sandboxes
import Wire

/// Passes requests on to a guest's agent, body and answer streamed both ways.
struct SandboxProxy: Sendable {
    /// Fields that belong to one connection, not to the message: RFC 9110 §7.6.1.
    private static let hopByHop = [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Content-Length",
    ]
    /// What only the host may ask of a guest.
    private static let hostOnly = ["/init", GuestProtocol.tunnelPath, GuestProtocol.releasePath]

    private static let smallBody = 64 * 1024

    private let sandboxes: SandboxRegistry

    init(_ sandboxes: SandboxRegistry) {
        self.sandboxes = sandboxes
    }

    func forward(_ exchange: Exchange, to id: String) async throws {
        let sandbox: Sandbox
        do {
            sandbox = try sandboxes.sandbox(id)
        } catch {
            return try await CallRouter.refuse(exchange, CallError(.notFound, "\(error)"))
        }
        guard !Self.hostOnly.contains(exchange.request.path) else {
            return try await CallRouter.refuse(exchange, CallError(.permissionDenied, "That is between host and guest"))
        }
        var head = exchange.request
        head.target = exchange.request.originTarget
        let framing = try BodyFraming.request(exchange.request)
        for name in Self.hopByHop + [SandboxHeaders.id, SandboxHeaders.port, "X-API-Key", "Expect"] {
            head.headers[name] = nil
        }
        let incoming = exchange.body
        let body: HTTPClient.Body
        switch framing {
        case .none, .length(0): body = .none
        // One message, as most calls are: it goes out in one piece with its head.
        case .length(let length) where length <= Self.smallBody:
            body = .bytes(try await incoming.collect(limit: Self.smallBody))
        case .length(let length): body = .stream(length: length) { try await incoming.copy(to: $0) }
        case .chunked, .untilClose: body = .stream(length: nil) { try await incoming.copy(to: $0) }
        }
        try await sandbox.link.forward(head, body: body) { response in
            var headers = response.head.headers
            let length = headers["Content-Length"].flatMap { Int($0) }
            for name in Self.hopByHop { headers[name] = nil }
            let writer = try exchange.start(response.head.status, headers, length: length)
            // A stream's head must not wait for its first event.
            try await writer.flush()
            try await response.body.copy(to: writer)
            try await writer.finish()
        }
    }
}
