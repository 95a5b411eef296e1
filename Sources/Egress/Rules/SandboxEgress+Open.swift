// Requests to hosts that have rules are opened: TLS ends here, each request is read whole, changed, and sent on over a TLS
// connection of its own to the address that was decided about. What no rule is about passes unopened.

import HTTP
import Linux
import Synchronization
import TLS

extension SandboxEgress {
    /// The beginning of a connection, which was looked at, and what it names if that has rules.
    struct Beginning {
        /// What the connection is from here on; the bytes that were looked at are read from it again.
        let stream: any ByteStream
        let ruled: Ruled?
    }

    struct Ruled {
        let name: DomainName
        let isTLS: Bool
        let opening: RequestOpening
    }

    /// Looks at the first bytes of a connection that a rule could be about.
    func begin(_ guest: any ByteStream, _ destination: EgressDestination, _ port: UInt16) async throws -> Beginning {
        let (policy, host) = (compiled, host.current)
        guard let opening, policy.hasRules(at: port) else { return Beginning(stream: guest, ruled: nil) }
        if case .address(let address) = destination,
            case .denied(.platform) = policy.decide(address: address, port: port, host: host)
        {
            return Beginning(stream: guest, ruled: nil)
        }
        let (bytes, name) = await firstName(guest)
        let stream = HeldStream(bytes, before: guest)
        guard let name, let domain = name.domain, policy.hasRules(for: domain, port) else {
            return Beginning(stream: stream, ruled: nil)
        }
        let isTLS = if case .tls = name { true } else { false }
        return Beginning(stream: stream, ruled: Ruled(name: domain, isTLS: isTLS, opening: try opening()))
    }

    /// The first name in a connection, with the bytes that were read for it; nil where none is said in time.
    private func firstName(_ guest: any ByteStream) async -> ([UInt8], FirstWords.Name?) {
        let seen = Held()
        let name = try? await withDeadline(limits.firstWords) { () -> FirstWords.Name? in
            var words = FirstWords()
            while true {
                let bytes = try await guest.read()
                if bytes.isEmpty { return nil }
                seen.add(bytes)
                let step = try words.add(bytes)
                if let name = step.names.first { return name }
                if words.isOpaque { return nil }
            }
        }
        return (seen.bytes, name ?? nil)
    }

    /// Where a connection with rules leads, by the very same decisions as any other.
    func admit(
        _ ruled: Ruled,
        _ destination: EgressDestination,
        _ port: UInt16
    ) async throws -> Route {
        let (policy, host) = (compiled, host.current)
        let name = ruled.name
        let found = (try? await resolver.addresses(of: name)) ?? []
        var addresses: [IPAddress]
        switch destination {
        case .name(let asked):
            guard asked == name else { throw Denial(.nameMismatch, name) }
            addresses = found.filter { $0.isV4 || self.host.hasV6 }
        case .address(let address):
            // What is added to a request is for this host alone: that the guest says its name is not enough.
            let known = state.withLock { $0.answered.names(for: address) }
            guard known.contains(name) || found.contains(address) else { throw Denial(.nameMismatch, name) }
            addresses = [address]
        }
        guard let first = addresses.first else { throw Denial(.unresolved, name) }
        let decision = policy.decide(name: name, address: first, port: port, host: host)
        guard decision.isAllowed else { throw Denial(decision, name) }
        addresses.removeAll { !policy.decide(name: name, address: $0, port: port, host: host).isAllowed }
        return Route(decision: decision, addresses: addresses, claim: .name(name), names: [name])
    }

    /// Serves a connection whose requests are opened, until it ends.
    func serve(_ guest: any ByteStream, _ ruled: Ruled, _ route: Route, _ port: UInt16) async throws {
        let connection = OpenConnection(guest, to: route.addresses[0], port, names: route.names)
        let key = try register(connection, route.names.first)
        defer { forget(key) }
        tell(.connection, route.decision, ruled.name, route.addresses[0], port)
        let client = client(connection, ruled, route, port)
        defer { client.closeIdle() }
        do {
            var stream = guest
            if ruled.isTLS {
                let identity = try ruled.opening.authority.identity(for: ruled.name.text)
                stream = try await withDeadline(limits.firstWords) {
                    try await TLSStream.accept(over: guest, as: identity)
                }
            }
            let server = HTTPServer { [self] exchange in
                try await forward(exchange, client, connection, ruled, port)
            }
            await server.serve(stream)
        } catch {
            // The guest does not trust its own authority, or does not speak HTTP/1.1.
            tell(.unreachable("\(error)"), route.decision, ruled.name, connection.address, port)
        }
        let counts = connection.counts.withLock { $0 }
        let kind: EgressEvent.Kind =
            counts.cut == nil
            ? .ended(sent: counts.sent, received: counts.received) : .cut(sent: counts.sent, received: counts.received)
        tell(kind, counts.cut ?? route.decision, ruled.name, connection.address, port)
    }

    private func client(
        _ connection: OpenConnection,
        _ ruled: Ruled,
        _ route: Route,
        _ port: UInt16
    ) -> HTTPClient {
        HTTPClient(idleLimit: 1) { [self] in
            try await withDeadline(limits.connect) { [self] in
                let (address, outside) = try await reach(route.addresses, port)
                guard connection.attach(outside, at: address) else { throw CancellationError() }
                guard ruled.isTLS else { return outside }
                let trust = try ruled.opening.trust ?? TLSTrust.system()
                return try await TLSStream.connect(over: outside, to: ruled.name.text, trust: trust)
            }
        }
    }

    // MARK: One request

    private func forward(
        _ exchange: Exchange,
        _ client: HTTPClient,
        _ connection: OpenConnection,
        _ ruled: Ruled,
        _ port: UInt16
    ) async throws {
        let request = exchange.request
        guard let text = request.host, let authority = HTTPAuthority(text),
            request.headers.values("Host").count == 1,
            request.headers["Host"].flatMap({ HTTPAuthority($0) }) == authority,
            authority.host == .name(ruled.name), authority.port == nil || authority.port == port
        else {
            let denial = EgressDecision.denied(.platform(.nameMismatch))
            tell(.connection, denial, ruled.name, connection.address, port)
            throw HTTPError(421, "The connection is for '\(ruled.name)', and the request names another host")
        }
        guard request.method != "CONNECT", request.headers["Upgrade"] == nil else {
            throw HTTPError(501, "Requests to '\(ruled.name)' have rules, and those can not leave HTTP")
        }
        let allowed = connection.decision(by: compiled, host.current)
        guard allowed.isAllowed else { throw HTTPError(403, "This sandbox may not connect there: \(allowed)") }
        let incoming = exchange.body
        let length = incoming.remaining
        var (credit, read): (GitRule?, [UInt8]) = (nil, [])
        if let git = compiled.gitRules(for: ruled.name, port) {
            switch try await pass(exchange, git, allowed, connection, ruled.name) {
            case .answered: return
            case .other: break
            case .out(let rule, let bytes): (credit, read) = (rule, bytes)
            }
        }
        var head = try await changed(request, connection, ruled, port)
        if let credit {
            head.headers = try await credit.credited(head.headers, ruled.opening.secret)
            let kind = EgressEvent.Kind.changed(rule: credit.id, method: request.method, path: request.path)
            tell(kind, .allowed(.rule(credit.id)), ruled.name, connection.address, port)
        }
        let first = read
        let body: HTTPClient.Body =
            length == 0
            ? .none
            : .stream(length: length) { outgoing in
                connection.counts.withLock { $0.sent += first.count }
                try await outgoing.write(first)
                while true {
                    let bytes = try await incoming.read()
                    if bytes.isEmpty { return }
                    connection.counts.withLock { $0.sent += bytes.count }
                    try await outgoing.write(bytes)
                }
            }
        do {
            try await client.withResponse(to: head, body: body) { response in
                var headers = response.head.headers
                let length = headers["Content-Length"].flatMap { Int($0) }
                for name in Self.hopByHop(headers) { headers[name] = nil }
                let writer = try exchange.start(response.head.status, headers, length: length)
                try await writer.flush()
                while true {
                    let bytes = try await response.body.read()
                    if bytes.isEmpty { break }
                    connection.counts.withLock { $0.received += bytes.count }
                    try await writer.write(bytes)
                }
                try await writer.finish()
            }
        } catch  where exchange.isWaiting && (error is TLSError || error is LinuxError || error is DeadlineExceeded) {
            tell(.unreachable("\(error)"), allowed, ruled.name, connection.address, port)
            throw HTTPError(502, "'\(ruled.name)' can not be reached: \(error)")
        }
    }

    /// The request as it goes out: rebuilt from its parts, for the host that was agreed to.
    private func changed(
        _ request: RequestHead,
        _ connection: OpenConnection,
        _ ruled: Ruled,
        _ port: UInt16
    ) async throws -> RequestHead {
        let dropped = Set((Self.hopByHop(request.headers) + ["Host", "Expect"]).map { $0.lowercased() })
        let own = request.headers.fields.filter { !dropped.contains($0.name.lowercased()) }
        let asked = RuledRequest(
            method: request.method,
            path: request.path,
            query: String(request.originTarget.drop { $0 != "?" }),
            headers: Headers(own)
        )
        let headers = try await apply(asked, connection, ruled, port)
        return RequestHead(
            method: request.method,
            target: request.originTarget,
            headers: Headers(
                [Headers.Field(name: "Host", value: request.headers["Host"] ?? ruled.name.text)] + headers.fields
            )
        )
    }

    /// The fields of a request as they go out, by the policy of now: it may have changed since the connection began.
    private func apply(
        _ request: RuledRequest,
        _ connection: OpenConnection,
        _ ruled: Ruled,
        _ port: UInt16
    ) async throws -> Headers {
        guard let rules = compiled.headerRules(for: ruled.name, port) else { return request.headers }
        let change = try rules.change(request, isSecure: ruled.isTLS)
        for misplaced in change.misplaced {
            let ground = EgressDecision.Ground.misplaced(secret: misplaced.secret, field: misplaced.field)
            let kind = EgressEvent.Kind.misplaced(method: request.method, path: request.path)
            tell(kind, .denied(.platform(ground)), ruled.name, connection.address, port)
        }
        let headers = try await change.headers(revealing: ruled.opening.secret)
        for rule in change.applied {
            let kind = EgressEvent.Kind.changed(rule: rule, method: request.method, path: request.path)
            tell(kind, .allowed(.rule(rule)), ruled.name, connection.address, port)
        }
        return headers
    }

    /// Fields that belong to one connection: RFC 9110 §7.6.1.
    private static func hopByHop(_ headers: Headers) -> [String] {
        let listed = headers.values("Connection").flatMap { value in
            value.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
        }
        return listed + [
            "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE",
            "Trailer",
            "Transfer-Encoding", "Content-Length", "Upgrade",
        ]
    }
}

/// The bytes that were read so far, also when the reading is given up.
private final class Held: Sendable {
    private let read: Mutex<[UInt8]>
    init() { read = Mutex([]) }
    func add(_ bytes: [UInt8]) { read.withLock { $0 += bytes } }
    var bytes: [UInt8] { read.withLock { $0 } }
}
