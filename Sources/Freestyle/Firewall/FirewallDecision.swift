import Egress
import Wire

/// Whether a connection would be let through.
enum FirewallDecision: Sendable, Hashable {
    case allowed(rule: String)
    case allowedByPlatform
    case denied
    case deniedByPlatform(reason: String)

    /// A question about one connection.
    struct Question: Sendable, Hashable {
        var source: FlowEnd
        var destination: FlowEnd

        init(_ members: Members) throws {
            let draft = try FirewallRuleDraft(members)
            guard draft.source.hasIdentity, draft.destination.hasIdentity else {
                throw FreestyleError.badRequest(
                    "'source' and 'destination' must each have a 'vmId', a 'cidr' or 'public'"
                )
            }
            source = draft.source
            destination = draft.destination
        }
    }

    init(_ question: Question, _ rules: [StoredRule]) {
        if let vm = question.source.vm, question.destination.vm == nil {
            self = Self.outgoing(vm, question, rules)
        } else {
            let rule = rules.first { rule in
                Self.fits(question.source, rule.source) && Self.fits(question.destination, rule.destination)
            }
            self = rule.map { .allowed(rule: $0.id) } ?? .denied
        }
    }

    /// What leaves a machine is decided by the very policy that its connections would be carried under.
    private static func outgoing(_ vm: String, _ question: Question, _ rules: [StoredRule]) -> FirewallDecision {
        let destination = question.destination
        let transport = destination.transport ?? question.source.transport ?? .tcp
        guard transport == .tcp else {
            let rule = rules.first { rule in fits(question.source, rule.source) && fits(destination, rule.destination) }
            // Nothing but TCP leaves a sandbox, whatever a rule says.
            return rule == nil ? .denied : .deniedByPlatform(reason: "\(EgressDecision.Ground.transport)")
        }
        var outgoing = rules.compactMap { $0.outgoing(from: vm) }
        // The whole internet is asked for by an address that is like all others, of those who let all of it through.
        if destination.addresses == nil { outgoing.removeAll { $0.range?.isEverything == false } }
        let address = destination.addresses?.base ?? anyAddress
        return FirewallDecision(
            CompiledPolicy(.firewall(outgoing)).decide(
                address: address,
                port: destination.port ?? 0,
                host: HostAddresses().current
            )
        )
    }

    /// What a machine's own policy says of a connection that leaves it; nil when the question is about another.
    init?(_ question: Question, _ policy: EgressPolicy) {
        let destination = question.destination
        guard destination.vm == nil, (destination.transport ?? question.source.transport ?? .tcp) == .tcp else {
            return nil
        }
        let address = destination.addresses?.base ?? Self.anyAddress
        self.init(
            CompiledPolicy(policy).decide(
                address: address,
                port: destination.port ?? 0,
                host: HostAddresses().current
            )
        )
    }

    private init(_ decision: EgressDecision) {
        let (result, rule, reason) = decision.evaluation
        self = Self.named(result, rule, reason)
    }

    private static func named(_ result: String, _ rule: String?, _ reason: String?) -> FirewallDecision {
        switch result {
        case "allowedByRule": return .allowed(rule: rule ?? "")
        case "allowedByPlatform": return .allowedByPlatform
        case "deniedByPlatform": return .deniedByPlatform(reason: reason ?? "")
        default: return .denied
        }
    }

    private static let anyAddress = IPAddress.v4(0x0808_0808)

    /// Whether everything that `rule` says of an end holds for it.
    private static func fits(_ end: FlowEnd, _ rule: FlowEnd) -> Bool {
        if let vm = rule.vm, vm != end.vm { return false }
        if let range = rule.addresses { guard let asked = end.addresses, range.contains(asked) else { return false } }
        if rule.isPublic == true, end.vm != nil { return false }
        if let port = rule.port, port != end.port { return false }
        if let transport = rule.transport, transport != end.transport { return false }
        return true
    }

    var document: JSONValue {
        switch self {
        case .allowed(let rule): ["type": "allowedByRule", "ruleId": .string(rule)]
        case .allowedByPlatform: ["type": "allowedByPlatform"]
        case .denied: ["type": "denied"]
        case .deniedByPlatform(let reason): ["type": "deniedByPlatform", "reason": .string(reason)]
        }
    }
}
