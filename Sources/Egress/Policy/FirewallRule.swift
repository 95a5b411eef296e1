/// A rule of Freestyle's firewall as far as it is about what leaves a machine: it can only allow, and its fields narrow it.
package struct FirewallRule: Sendable, Hashable {
    package enum TransportProtocol: String, Sendable, Hashable {
        case tcp, udp, icmp
    }

    package var id: String
    /// Nil is the whole internet.
    package var range: AddressRange?
    package var port: UInt16?
    package var transport: TransportProtocol?

    package init(id: String, range: AddressRange? = nil, port: UInt16? = nil, transport: TransportProtocol? = nil) {
        self.id = id
        self.range = range
        self.port = port
        self.transport = transport
    }
}

extension EgressPolicy {
    /// The policy of a Freestyle machine with these rules: all else is denied, mail always.
    ///
    /// Rules for UDP and ICMP are no part of it, because neither leaves a sandbox.
    package static func firewall(_ firewall: [FirewallRule]) -> EgressPolicy {
        let rules = firewall.filter { $0.transport == nil || $0.transport == .tcp }.map { rule in
            Rule(
                id: rule.id,
                .allow,
                EgressTarget(rule.range.map { .addresses($0) } ?? .everywhere, ports: rule.port.map { $0...$0 })
            )
        }
        return EgressPolicy(rules: rules, fallback: .deny, closesMail: true)
    }
}

extension EgressDecision {
    /// The answer of Freestyle's `evaluate`, with what it names.
    package var evaluation: (result: String, ruleID: String?, reason: String?) {
        switch self {
        case .allowed(.rule(let id)): ("allowedByRule", id, nil)
        case .allowed(.fallback), .allowed(.platform): ("allowedByPlatform", nil, nil)
        case .denied(.platform(.mail)): ("deniedByPlatform", nil, "outboundMail")
        case .denied(.platform(let ground)): ("deniedByPlatform", nil, "\(ground)")
        case .denied(.rule), .denied(.fallback): ("denied", nil, nil)
        }
    }
}
