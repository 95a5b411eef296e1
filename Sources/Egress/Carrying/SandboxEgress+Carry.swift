import HTTP
import Linux
import Synchronization

/// A connection that is not to be, and why.
struct Denial: Error {
    let decision: EgressDecision
    var name: DomainName?

    init(_ decision: EgressDecision, _ name: DomainName? = nil) {
        self.decision = decision
        self.name = name
    }

    init(_ ground: EgressDecision.Ground, _ name: DomainName? = nil) {
        self.init(.denied(.platform(ground)), name)
    }
}

extension SandboxEgress {
    /// Carries one connection of the guest to where it wants to go, if it may, until it ends.
    ///
    /// - Parameters:
    ///   - guest: the guest's end; closed when this returns.
    ///   - destination: a name where the guest's program gave one, else the address that it connected to.
    package func carry(_ guest: any ByteStream, to destination: EgressDestination, port: UInt16) async {
        var words = FirstWords()
        do {
            // Counted from the beginning: a connection that has yet to say whom it wants costs as much.
            try enter()
            defer { leave() }
            let beginning = try await begin(guest, destination, port)
            if let ruled = beginning.ruled {
                let route = try await admit(ruled, destination, port)
                try await serve(beginning.stream, ruled, route, port)
            } else {
                let (route, first) = try await admit(beginning.stream, destination, port, &words)
                try await run(beginning.stream, route, port, words, first)
            }
        } catch let denial as Denial {
            var (name, address): (DomainName?, IPAddress?) = (denial.name, nil)
            switch destination {
            case .name(let asked): name = name ?? asked
            case .address(let asked): address = asked
            }
            tell(.connection, denial.decision, name, address, port)
            await refuse(guest, words, port, denial.decision)
        } catch {
            // The guest went away before it was decided about.
        }
        guest.close()
    }

    private func enter() throws {
        try state.withLock { state in
            guard state.count < limits.connections else { throw Denial(.tooManyConnections) }
            state.count += 1
        }
    }

    private func leave() {
        state.withLock { $0.count -= 1 }
    }

    // MARK: Deciding

    /// How a connection was admitted.
    struct Route {
        let decision: EgressDecision
        /// The addresses to try, all of them allowed.
        let addresses: [IPAddress]
        let claim: Claim
        /// What the decision was by, where it was by name.
        var names: Set<DomainName> = []
    }

    /// What the names in a connection's first bytes are held against.
    enum Claim {
        /// Nothing: the address was enough.
        case none
        /// The guest asked for this name, and may name no other.
        case name(DomainName)
        /// The guest connected to an address, and may name whom it leads to, as far as the policy allows. `isStrict`: it must.
        case address(isStrict: Bool, known: [DomainName])
    }

    private func admit(
        _ guest: any ByteStream,
        _ destination: EgressDestination,
        _ port: UInt16,
        _ words: inout FirstWords
    ) async throws -> (Route, first: [UInt8]) {
        let (policy, host) = (compiled, host.current)
        switch destination {
        case .name(let name):
            return (try await route(to: name, port, policy, host), [])
        case .address(let address):
            let direct = policy.decide(address: address, port: port, host: host)
            if case .denied(.platform) = direct { throw Denial(direct) }
            if case .allowed(let by) = direct, by != .fallback || !policy.deniesByName {
                return (Route(decision: direct, addresses: [address], claim: .none), [])
            }
            if direct.isAllowed {
                let known = state.withLock { $0.answered.names(for: address) }
                let claim = Claim.address(isStrict: false, known: known)
                return (Route(decision: direct, addresses: [address], claim: claim), [])
            }
            guard policy.allowsByName else { throw Denial(direct) }
            return try await routeByName(guest, to: address, port, policy, host, &words)
        }
    }

    private func route(
        to name: DomainName,
        _ port: UInt16,
        _ policy: CompiledPolicy,
        _ host: Set<IPAddress>
    ) async throws -> Route {
        let asked = policy.decide(lookingUp: name)
        guard asked.isAllowed else { throw Denial(asked, name) }
        let found = (try? await resolver.addresses(of: name)) ?? []
        var refusal = EgressDecision.denied(.platform(.unresolved))
        var decision: EgressDecision?
        var addresses: [IPAddress] = []
        for address in found where address.isV4 || self.host.hasV6 {
            let next = policy.decide(name: name, address: address, port: port, host: host)
            if next.isAllowed {
                decision = decision ?? next
                addresses.append(address)
            } else if addresses.isEmpty {
                refusal = next
            }
        }
        guard let decision else { throw Denial(refusal, name) }
        return Route(decision: decision, addresses: addresses, claim: .name(name), names: [name])
    }

    /// Finds a name that allows the address: one that was answered with it, or one that the first bytes give.
    private func routeByName(
        _ guest: any ByteStream,
        to address: IPAddress,
        _ port: UInt16,
        _ policy: CompiledPolicy,
        _ host: Set<IPAddress>,
        _ words: inout FirstWords
    ) async throws -> (Route, first: [UInt8]) {
        let known = state.withLock { $0.answered.names(for: address) }
        for name in known {
            let decision = policy.decide(name: name, address: address, port: port, host: host)
            guard decision.isAllowed else { continue }
            let claim = Claim.address(isStrict: true, known: known)
            return (Route(decision: decision, addresses: [address], claim: claim, names: [name]), [])
        }
        // Nothing was asked for before: the connection itself has to say.
        let watch = words
        let (step, next) = try await withDeadline(limits.firstWords) {
            var words = watch
            while true {
                let bytes = try await guest.read()
                if bytes.isEmpty { throw Denial(.noName) }
                let step = try words.add(bytes)
                if !step.names.isEmpty || words.isOpaque { return (step, words) }
            }
        } orThrow: { error in
            error is DeadlineExceeded ? Denial(.noName) : error is FirstWords.Malformed ? Denial(.malformed) : error
        }
        words = next
        let claim = Claim.address(isStrict: true, known: known)
        var decision = EgressDecision.denied(.platform(.noName))
        if step.names.isEmpty { throw Denial(decision) }
        for name in step.names { decision = try await agree(name, claim, address, port) }
        let names = Set(step.names.compactMap(\.domain))
        return (Route(decision: decision, addresses: [address], claim: claim, names: names), step.bytes)
    }

    /// Holds a name that a connection gives against what it was admitted for.
    ///
    /// - Throws: ``Denial`` when they do not agree.
    @discardableResult
    func agree(
        _ given: FirstWords.Name,
        _ claim: Claim,
        _ address: IPAddress,
        _ port: UInt16
    ) async throws -> EgressDecision {
        let (policy, host) = (compiled, host.current)
        let name: DomainName?
        switch given {
        case .tls(let asked): name = asked
        case .http(let authority):
            if let named = authority.port, named != port { throw Denial(.nameMismatch) }
            switch authority.host {
            case .name(let asked): name = asked
            case .address(let asked):
                guard asked == address else { throw Denial(.nameMismatch) }
                name = nil
            }
        }
        switch claim {
        case .none:
            return policy.decide(name: name, address: address, port: port, host: host)
        case .name(let asked):
            guard let name else { throw Denial(.noName, asked) }
            guard name == asked else { throw Denial(.nameMismatch, name) }
        case .address(let isStrict, let known):
            guard let name else {
                if isStrict { throw Denial(.noName) }
                break
            }
            let decision = policy.decide(name: name, address: address, port: port, host: host)
            guard decision.isAllowed else { throw Denial(decision, name) }
            // Not strict, the policy only lists what is denied: a name that leads elsewhere is not on that list either.
            guard isStrict, !known.contains(name) else { break }
            let found = (try? await resolver.addresses(of: name)) ?? []
            guard found.contains(address) else { throw Denial(.nameMismatch, name) }
        }
        let decision = policy.decide(name: name, address: address, port: port, host: host)
        guard decision.isAllowed else { throw Denial(decision, name) }
        return decision
    }

    // MARK: Refusing

    /// Says no in the words of the guest's own protocol, where that is known.
    private func refuse(_ guest: any ByteStream, _ words: FirstWords, _ port: UInt16, _ decision: EgressDecision) async
    {
        if words.isHTTP || port == 80 {
            let body = "This sandbox may not connect there: \(decision)\n"
            let head =
                "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n"
                + "Connection: close\r\n\r\n"
            try? await guest.write(Array((head + body).utf8))
        } else if port == 443 {
            // A fatal alert: access denied.
            try? await guest.write([0x15, 3, 3, 0, 2, 2, 49])
        }
        try? await guest.closeWriting()
        // What the guest has sent is read: a close with it unread would take the answer away again.
        try? await withDeadline(.seconds(1)) {
            var left = 64 * 1024
            while left > 0 {
                let bytes = try await guest.read()
                if bytes.isEmpty { return }
                left -= bytes.count
            }
        }
    }
}

/// ``withDeadline(_:_:)`` with its errors said in other words.
private func withDeadline<Result: Sendable>(
    _ limit: Duration,
    _ body: @Sendable @escaping () async throws -> Result,
    orThrow translate: (any Error) -> any Error
) async throws -> Result {
    do {
        return try await withDeadline(limit, body)
    } catch {
        throw translate(error)
    }
}
