// What a sandbox may reach. A policy is a value: it goes into records and through pause, resume and fork as it is.
//
//     1. An address that is not the public internet is closed, unless `opened` names it.
//     2. A rule that allows beats every rule that denies.
//     3. Where no rule speaks, `fallback` does.

/// What a sandbox may reach.
package struct EgressPolicy: Sendable, Hashable, Codable {
    package enum Action: String, Sendable, Hashable, Codable {
        case allow, deny
    }

    package struct Rule: Sendable, Hashable, Codable {
        /// What decisions name it by.
        package var id: String
        package var action: Action
        package var target: EgressTarget

        package init(id: String, _ action: Action, _ target: EgressTarget) {
            self.id = id
            self.action = action
            self.target = target
        }
    }

    package var rules: [Rule]
    /// What holds where no rule speaks.
    package var fallback: Action
    /// Addresses outside the public internet that are reached all the same, where the rules allow them. Only the owner of this
    /// machine may name them.
    package var opened: [EgressTarget]
    /// Whether connections to mail servers are refused, whatever the rules say.
    package var closesMail: Bool
    /// What is done to requests that are let out; nil is nothing. A rule lets nothing out by itself.
    package var headerRules: [HeaderRule]?
    /// The repositories that git may use, and what it may push; nil is nothing beyond what the rules let out.
    package var gitRules: [GitRule]?

    package init(
        rules: [Rule] = [],
        fallback: Action,
        opened: [EgressTarget] = [],
        closesMail: Bool = false
    ) {
        self.rules = rules
        self.fallback = fallback
        self.opened = opened
        self.closesMail = closesMail
    }

    package static let closed = EgressPolicy(fallback: .deny)
    package static let open = EgressPolicy(fallback: .allow)

    /// The policy of the owner of this machine, as the command line says it: with anything allowed, all else is denied.
    ///
    /// A closed address or range that is named here is opened. `*` and ranges that reach into the internet open none.
    ///
    /// - Throws: ``EgressError`` for text that is no target.
    package init(allow: [String], deny: [String]) throws(EgressError) {
        var rules: [Rule] = []
        for (action, texts) in [(Action.allow, allow), (.deny, deny)] {
            for text in texts { rules.append(Rule(id: "\(action.rawValue) \(text)", action, try Self.target(text))) }
        }
        self.init(
            rules: rules,
            fallback: allow.isEmpty ? .allow : .deny,
            opened: rules.filter { $0.action == .allow && $0.target.isInsideClosedRange }.map(\.target)
        )
    }

    /// The same, where what is said adds to a policy that holds already: with nothing said it holds, and what is only denied
    /// opens nothing.
    ///
    /// - Parameters:
    ///   - headers: lines of ``HeaderRule/form``; the hosts that they are about are allowed.
    ///   - git: lines of ``GitRule/form``; their hosts are allowed for git.
    package init(
        allow: [String],
        deny: [String],
        headers: [String] = [],
        git: [String] = [],
        otherwise standard: EgressPolicy
    ) throws(EgressError) {
        try self.init(allow: allow, deny: deny)
        if allow.isEmpty, deny.isEmpty { self = standard }
        if allow.isEmpty { fallback = standard.fallback }
        var headerRules: [HeaderRule] = []
        for line in headers { headerRules.append(try HeaderRule(line: line)) }
        if !headerRules.isEmpty {
            self.headerRules = headerRules
            rules += headerRules.flatMap(\.permissions)
        }
        var gitRules: [GitRule] = []
        for line in git { gitRules.append(try GitRule(line: line)) }
        if !gitRules.isEmpty {
            self.gitRules = gitRules
            // Last: what is let out by any other rule is let out for more than git.
            rules += gitRules.map(\.permission)
        }
    }

    /// Whether something is done to requests, for which they have to be opened.
    package var opensRequests: Bool { headerRules?.isEmpty == false || gitRules?.isEmpty == false }

    /// The secrets that its rules name.
    package var secrets: Set<String> {
        Set((headerRules ?? []).flatMap(\.secrets)).union((gitRules ?? []).compactMap(\.secret))
    }

    /// Takes over what git may use by another policy.
    package mutating func keepGitRules(of other: EgressPolicy) {
        gitRules = other.gitRules
        rules += other.rules.filter { other.isForGit($0) }
    }

    /// What is left of it when git may use nothing by itself.
    package var withoutGitRules: EgressPolicy { without(\.gitRules, isForGit) }

    private func isForGit(_ rule: Rule) -> Bool { gitRules?.contains { $0.id == rule.id } == true }

    /// Takes over what another policy does to requests, and that those are let out if they were for that.
    package mutating func keepHeaderRules(of other: EgressPolicy) {
        headerRules = other.headerRules
        rules += other.rules.filter { other.isForHeaders($0) }
    }

    /// What is left of it when nothing is done to requests.
    package var withoutHeaderRules: EgressPolicy { without(\.headerRules, isForHeaders) }

    private func isForHeaders(_ rule: Rule) -> Bool { headerRules?.contains { $0.id == rule.id } == true }

    private func without<List>(
        _ list: WritableKeyPath<EgressPolicy, List?>,
        _ isForThat: (Rule) -> Bool
    ) -> EgressPolicy {
        var policy = self
        policy[keyPath: list] = nil
        policy.rules.removeAll(where: isForThat)
        return policy
    }

    static func target(_ text: String) throws(EgressError) -> EgressTarget {
        guard let target = EgressTarget(text) else {
            throw EgressError(
                .invalid,
                "'\(text)' names nothing to reach: use a name, '*.name', an address or a range, and ':port' if wanted"
            )
        }
        return target
    }
}

extension EgressTarget {
    /// Whether all of it lies outside the public internet, so that naming it can mean only that.
    fileprivate var isInsideClosedRange: Bool {
        guard case .addresses(let range) = place else { return false }
        return ClosedAddresses.contains(range)
    }
}
