/// What was decided about one connection or question, and by what.
package enum EgressDecision: Sendable, Hashable {
    case allowed(By)
    case denied(By)

    package enum By: Sendable, Hashable {
        /// A rule of the policy, by its id.
        case rule(String)
        /// The policy's word for what no rule is about.
        case fallback
        /// Martlet itself, whatever the policy says.
        case platform(Ground)
    }

    package enum Ground: Sendable, Hashable {
        case closedAddress(ClosedAddresses.Kind)
        case mail
        /// Only TCP is carried.
        case transport
        /// Only questions for addresses are answered.
        case questionKind
        /// The policy goes by name, and the connection gave none that could be checked.
        case noName
        /// The name in the first bytes is not the one that was asked for, or does not lead to the address.
        case nameMismatch
        /// The name has no address.
        case unresolved
        /// The request could be read in two ways.
        case malformed
        case tooManyConnections
        /// A rule for git does not allow the request: what it would push to, where that is why.
        case git(rule: String, _ ref: String?)
        /// No rule lets the secret take its placeholder's place in this field; nil is the path or query.
        case misplaced(secret: String, field: String?)
    }

    package var by: By {
        switch self {
        case .allowed(let by), .denied(let by): by
        }
    }

    package var isAllowed: Bool { if case .allowed = self { true } else { false } }
}

extension EgressDecision: CustomStringConvertible {
    package var description: String {
        switch self {
        case .allowed(let by): "allowed by \(by)"
        case .denied(let by): "denied by \(by)"
        }
    }
}

extension EgressDecision.By: CustomStringConvertible {
    package var description: String {
        switch self {
        case .rule(let id): "rule '\(id)'"
        case .fallback: "default"
        case .platform(let ground): "platform: \(ground)"
        }
    }
}

extension EgressDecision.Ground: CustomStringConvertible {
    package var description: String {
        switch self {
        case .closedAddress(.host): "an address of the host"
        case .closedAddress(.linkLocal): "a link-local address"
        case .closedAddress(.privateNetwork): "an address of a private network"
        case .closedAddress(.special): "an address outside the public internet"
        case .mail: "outbound mail"
        case .transport: "only TCP leaves a sandbox"
        case .questionKind: "only questions for addresses are answered"
        case .noName: "the connection names no host"
        case .nameMismatch: "the connection names another host"
        case .unresolved: "the name has no address"
        case .malformed: "the request is malformed"
        case .tooManyConnections: "too many connections"
        case .git(let rule, let ref): "rule '\(rule)' does not allow \(ref.map { "a push to '\($0)'" } ?? "this")"
        case .misplaced(let secret, let field):
            "no rule sends the secret '\(secret)' there in \(field.map { "'\($0)'" } ?? "the address")"
        }
    }
}
