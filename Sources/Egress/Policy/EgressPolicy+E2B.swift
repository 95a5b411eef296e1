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
            policy.rules.append(Rule(id: "allow_internet_access", .deny, EgressTarget(.everywhere)))
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

    /// E2B knows no ports here.
    private static func e2bTarget(_ text: String) throws(EgressError) -> EgressTarget {
        let target = try target(text)
        guard target.ports == nil else { throw EgressError(.invalid, "'\(text)' can not have a port here") }
        return target
    }
}
