extension EgressPolicy {
    /// The policy that E2B's network object asks for.
    ///
    /// - Parameters:
    ///   - allowOut: addresses, ranges, names and `*.` names; they beat `denyOut`.
    ///   - denyOut: addresses and ranges.
    ///   - allowsInternet: false is the same as all addresses in `denyOut`.
    /// - Throws: ``EgressError`` as E2B refuses: a name in `denyOut`, and names in `allowOut` where nothing is denied.
    package static func e2b(
        allowOut: [String] = [],
        denyOut: [String] = [],
        allowsInternet: Bool = true
    ) throws(EgressError) -> EgressPolicy {
        var policy = EgressPolicy.open
        for text in allowOut {
            policy.rules.append(Rule(id: "allowOut \(text)", .allow, try e2bTarget(text)))
        }
        for text in denyOut {
            let target = try e2bTarget(text)
            guard !target.isName else {
                throw EgressError(.invalid, "'\(text)' in denyOut is a name: only addresses and ranges can be denied")
            }
            policy.rules.append(Rule(id: "denyOut \(text)", .deny, target))
        }
        if !allowsInternet {
            policy.rules.append(Rule(id: noInternet, .deny, EgressTarget(.everywhere)))
        }
        let deniesAll = policy.rules.contains { $0.action == .deny && $0.target.place == .everywhere }
        guard deniesAll || !policy.rules.contains(where: { $0.action == .allow && $0.target.isName }) else {
            throw EgressError(
                .namesWithoutDenial,
                "Names in allowOut have a meaning only where all else is denied: put '0.0.0.0/0' into denyOut"
            )
        }
        return policy
    }

    /// Whether what no rule names is allowed.
    package var allowsOthers: Bool {
        fallback == .allow && !rules.contains { $0.action == .deny && $0.target.place == .everywhere }
    }

    /// `allowOut` and `denyOut` as E2B shows them: what was given, else what comes to the same.
    package var lists: (allowOut: [String], denyOut: [String]) {
        func texts(_ action: Action, _ prefix: String) -> [String] {
            rules.filter { $0.action == action && $0.id != Self.noInternet }.map { rule in
                if rule.id.hasPrefix(prefix) { return String(rule.id.dropFirst(prefix.count)) }
                return rule.target.place == .everywhere ? "0.0.0.0/0" : rule.target.description
            }
        }
        return (texts(.allow, "allowOut "), texts(.deny, "denyOut "))
    }

    private static let noInternet = "allow_internet_access"

    /// E2B knows no ports here.
    private static func e2bTarget(_ text: String) throws(EgressError) -> EgressTarget {
        let target = try target(text)
        guard target.ports == nil else { throw EgressError(.invalid, "'\(text)' can not have a port here") }
        return target
    }
}
