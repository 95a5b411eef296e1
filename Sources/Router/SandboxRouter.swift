// The sandbox plane: requests for what runs in a sandbox, told from all others by host name or header, and carried to the guest
// and back as they come.
//
//     request ─► Destinations ─┬─ elsewhere                      false: the control plane's
//                              ├─ malformed                      400
//                              └─ port of sandbox ─► found? ─┬─ 49983 ─► AgentDoor ─► the guest's agent
//                                                            └─ others ─► traffic token ─► through the agent to the port
//
// Everything from the client and everything from the guest is hostile: heads are bounded, bodies are pulled, and what one
// sandbox's connections carry can not reach another's.

import HTTP
import Linux
import RPC
import Synchronization
import Wire

/// Carries requests to sandboxes.
package final class SandboxRouter: Sendable {
    private let directory: SandboxDirectory
    private let destinations: Destinations
    private let limits: RouterLimits
    private let note: @Sendable (_ id: String, RequestHead) -> Void
    private let traffic = Mutex<[String: SandboxTraffic]>([:])

    /// - Parameters:
    ///   - domain: below which sandboxes have host names, with or without a port.
    ///   - note: told of every request to a sandbox's agent that may be made, before it is.
    package init(
        sandboxes: SandboxDirectory,
        domain: String,
        limits: RouterLimits = RouterLimits(),
        note: @escaping @Sendable (_ id: String, RequestHead) -> Void = { _, _ in }
    ) {
        directory = sandboxes
        destinations = Destinations(domain: domain)
        self.limits = limits
        self.note = note
    }

    /// Answers a request that is for a sandbox; false, and nothing done, for every other.
    ///
    /// - Parameter isTrusted: whether the caller may do with the sandbox of that id as it likes, without the sandbox's own tokens.
    package func route(
        _ exchange: Exchange,
        isTrusted: @Sendable (_ id: String) async throws -> Bool = { _ in false }
    ) async throws -> Bool {
        do {
            switch destinations.destination(of: exchange.request) {
            case .elsewhere: return false
            case .malformed(let message): throw Refusal.malformed(message)
            case .port(let port, let id):
                guard let sandbox = try await directory.find(id) else { throw Refusal.notFound(id) }
                try await carry(exchange, to: port, of: sandbox) { try await isTrusted(id) }
            case .signedFile:
                let sandbox = try FileSignature(exchange.request).find(among: directory.all())
                try await carry(exchange, to: GuestProtocol.agentPort, of: sandbox) { true }
            }
        } catch let refusal as Refusal where exchange.isWaiting {
            try await refusal.answer(exchange)
        }
        return true
    }

    private func carry(
        _ exchange: Exchange,
        to port: UInt16,
        of sandbox: RoutedSandbox,
        isTrusted: () async throws -> Bool
    ) async throws {
        // To reach through a guest to a server of its choice is nothing that a request can ask for.
        guard exchange.request.method != "CONNECT" else {
            throw Refusal(status: 405, message: "CONNECT is not passed on to sandboxes", mayBePage: false)
        }
        var head = Passage.request(exchange.request)
        let isAgent = port == GuestProtocol.agentPort
        if isAgent {
            head.headers[GuestProtocol.tokenHeader] = try await AgentDoor.token(
                for: exchange.request,
                to: sandbox,
                isTrusted: isTrusted
            )
        } else {
            // The way out of a guest is for its own programs: whoever came in by it would use the daemon's credential.
            guard port != GuestProtocol.gatewayPort else { throw Refusal.closed(port, of: sandbox.id) }
            try await admit(exchange.request, to: sandbox, isTrusted)
            if let masked = sandbox.ingress.maskedHost {
                head.headers["Host"] = masked.replacing("${PORT}", with: String(port))
            }
        }
        let traffic = traffic(of: sandbox)
        guard traffic.enter() else { throw Refusal.tooMany(sandbox.id) }
        defer { traffic.leave() }
        if isAgent { note(sandbox.id, exchange.request) }
        let way: Carriage.Way =
            isAgent
            ? .agent(sandbox.link)
            : .port(traffic.client(of: port, isSecure: sandbox.ingress.tlsPorts.contains(port)))
        let carriage = Carriage(exchange: exchange, head: head, way: way, port: port, sandbox: sandbox, limits: limits)
        try await sandbox.using { try await carriage.run() }
    }

    /// Refuses a request without the token, where a sandbox's ports are not open to everyone.
    private func admit(_ request: RequestHead, to sandbox: RoutedSandbox, _ isTrusted: () async throws -> Bool)
        async throws
    {
        if sandbox.ingress.allowsPublicTraffic { return }
        let shown = request.headers[SandboxHeaders.trafficToken]
        if let shown, let token = sandbox.trafficToken, token.matches(shown) { return }
        if try await isTrusted() { return }
        throw Refusal.trafficToken(
            shown == nil
                ? "Token header '\(SandboxHeaders.trafficToken)' is missing" : "Provided token is not valid",
            of: sandbox.id
        )
    }

    private func traffic(of sandbox: RoutedSandbox) -> SandboxTraffic {
        let (traffic, isNew) = traffic.withLock { all in
            if let known = all[sandbox.id] { return (known, false) }
            let new = SandboxTraffic(sandbox.link, limits)
            all[sandbox.id] = new
            return (new, true)
        }
        if isNew {
            // The task's owner is the sandbox: it ends when the sandbox does, and every sandbox ends.
            Task(executorPreference: EventLoop.shared) { [weak self] in
                try? await sandbox.waitForEnd()
                _ = self?.traffic.withLock { $0.removeValue(forKey: sandbox.id) }
                traffic.end()
            }
        }
        return traffic
    }
}
