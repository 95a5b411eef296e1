import Synchronization

/// A policy made ready for many decisions: each looks up a handful of keys, however many rules there are.
package struct CompiledPolicy: Sendable {
    private struct Entry {
        /// The rule's place in the policy: of several that match, the first is named.
        let index: Int
        let ports: ClosedRange<UInt16>?
    }

    private struct Table {
        var everywhere: [Entry] = []
        var names: [String: [Entry]] = [:]
        var below: [String: [Entry]] = [:]
        /// By prefix length, which are few.
        var ranges: [Int: [IPAddress: [Entry]]] = [:]

        mutating func add(_ target: EgressTarget, _ index: Int) {
            let entry = Entry(index: index, ports: target.ports)
            switch target.place {
            case .everywhere: everywhere.append(entry)
            case .name(let name): names[name.text, default: []].append(entry)
            case .below(let name): below[name.text, default: []].append(entry)
            case .addresses(let range): ranges[range.length, default: [:]][range.base, default: []].append(entry)
            }
        }

        /// - Parameter port: nil where it is not known yet; entries for some ports then match if `matchesUnknownPort`.
        func firstMatch(
            _ name: DomainName?,
            _ address: IPAddress?,
            _ port: UInt16?,
            matchesUnknownPort: Bool = false
        ) -> Int? {
            var first: Int?
            func look(_ entries: [Entry]?) {
                guard let entries else { return }
                for entry in entries where entry.index < first ?? .max {
                    if let ports = entry.ports, !(port.map(ports.contains) ?? matchesUnknownPort) { continue }
                    first = entry.index
                    return
                }
            }
            look(everywhere)
            if let name {
                look(names[name.text])
                if !below.isEmpty { for parent in name.parents { look(below[String(parent)]) } }
            }
            if let address {
                for (length, bases) in ranges where length <= address.width { look(bases[address.masked(to: length)]) }
            }
            return first
        }
    }

    package let policy: EgressPolicy
    private var allowing = Table()
    private var denying = Table()
    private var opened = Table()
    private let headerRules: [(ports: [ClosedRange<UInt16>], rule: ReadyRule)]
    private var ruled: [String: [Int]] = [:]
    private var ruledBelow: [String: [Int]] = [:]
    private let known = KnownRules()
    private var repositories: [String: [GitRule]] = [:]
    /// The ports at which requests to some host have rules.
    private let ruledPorts: Set<ClosedRange<UInt16>>
    /// Whether a name could turn what was decided without one.
    let allowsByName: Bool
    let deniesByName: Bool

    package init(_ policy: EgressPolicy) {
        self.policy = policy
        for (index, rule) in policy.rules.enumerated() {
            switch rule.action {
            case .allow: allowing.add(rule.target, index)
            case .deny: denying.add(rule.target, index)
            }
        }
        for (index, target) in policy.opened.enumerated() { opened.add(target, index) }
        headerRules = (policy.headerRules ?? []).map {
            ($0.target.ports.map { [$0] } ?? [80...80, 443...443], ReadyRule($0))
        }
        ruledPorts = Set(headerRules.flatMap(\.ports)).union((policy.gitRules ?? []).compactMap(\.target.ports))
        for rule in policy.gitRules ?? [] {
            if case .name(let name) = rule.target.place { repositories[name.text, default: []].append(rule) }
        }
        for (index, rule) in (policy.headerRules ?? []).enumerated() {
            switch rule.target.place {
            case .name(let name): ruled[name.text, default: []].append(index)
            case .below(let name): ruledBelow[name.text, default: []].append(index)
            case .everywhere, .addresses: break
            }
        }
        allowsByName = policy.rules.contains { $0.action == .allow && $0.target.isName }
        deniesByName = policy.rules.contains { $0.action == .deny && $0.target.isName }
    }

    /// Decides about a connection to an address.
    ///
    /// - Parameters:
    ///   - name: the name that leads to the address, when that is known.
    ///   - host: the addresses of this host.
    package func decide(
        name: DomainName? = nil,
        address: IPAddress,
        port: UInt16,
        host: Set<IPAddress> = []
    ) -> EgressDecision {
        if let kind = ClosedAddresses.kind(of: address, host: host), opened.firstMatch(nil, address, port) == nil {
            return .denied(.platform(.closedAddress(kind)))
        }
        if policy.closesMail, [25, 465, 587].contains(port) { return .denied(.platform(.mail)) }
        return decide(name, address, port)
    }

    /// Whether requests to some host at this port have rules.
    func hasRules(at port: UInt16) -> Bool { ruledPorts.contains { $0.contains(port) } }

    /// Whether requests to this host have rules.
    func hasRules(for name: DomainName, _ port: UInt16) -> Bool {
        headerRules(for: name, port) != nil || gitRules(for: name, port) != nil
    }

    /// The repositories of this host that git may use; nil where there are none.
    func gitRules(for name: DomainName, _ port: UInt16) -> GitRules? {
        guard !repositories.isEmpty else { return nil }
        let rules = (repositories[name.text] ?? []).filter { $0.target.ports?.contains(port) ?? false }
        return rules.isEmpty ? nil : GitRules(rules)
    }

    /// The rules about requests to this host, in their order; nil where there are none.
    package func headerRules(for name: DomainName, _ port: UInt16) -> RequestRules? {
        guard hasRules(at: port) else { return nil }
        return known.rules(for: name, port) { makeHeaderRules(for: name, port) }
    }

    private func makeHeaderRules(for name: DomainName, _ port: UInt16) -> RequestRules? {
        var indices = ruled[name.text] ?? []
        if !ruledBelow.isEmpty { for parent in name.parents { indices += ruledBelow[String(parent)] ?? [] } }
        let rules = indices.sorted().lazy.map { headerRules[$0] }.filter { $0.ports.contains { $0.contains(port) } }
        return rules.isEmpty ? nil : RequestRules(rules.map(\.rule), host: name)
    }

    /// Decides whether a name may be looked up, which tells its owner something: whether a connection to it could be allowed
    /// by its name.
    package func decide(lookingUp name: DomainName) -> EgressDecision {
        decide(name, nil, nil)
    }

    /// Whether some port of the address may be reached at all.
    func canReach(_ address: IPAddress, _ host: Set<IPAddress>) -> Bool {
        ClosedAddresses.kind(of: address, host: host) == nil
            || opened.firstMatch(nil, address, nil, matchesUnknownPort: true) != nil
    }

    private func decide(_ name: DomainName?, _ address: IPAddress?, _ port: UInt16?) -> EgressDecision {
        if let index = allowing.firstMatch(name, address, port, matchesUnknownPort: true) {
            return .allowed(.rule(policy.rules[index].id))
        }
        if let index = denying.firstMatch(name, address, port) { return .denied(.rule(policy.rules[index].id)) }
        return policy.fallback == .allow ? .allowed(.fallback) : .denied(.fallback)
    }
}

/// The rules about requests to the hosts that were asked for, made ready once for all copies of a policy.
private final class KnownRules: Sendable {
    /// Hosts below one that has rules are without number.
    private static let limit = 256

    private struct Place: Hashable {
        let name: DomainName
        let port: UInt16
    }

    private let rules = Mutex<[Place: RequestRules?]>([:])

    func rules(for name: DomainName, _ port: UInt16, _ make: () -> RequestRules?) -> RequestRules? {
        let place = Place(name: name, port: port)
        if let known = rules.withLock({ $0[place] }) { return known }
        let made = make()
        rules.withLock { rules in
            if rules.count >= Self.limit { rules = [:] }
            rules[place] = .some(made)
        }
        return made
    }
}
