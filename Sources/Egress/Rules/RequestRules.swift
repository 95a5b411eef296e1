import HTTP

/// A request to a host with rules as the rules see it, in whatever version of HTTP it came.
package struct RuledRequest: Sendable, Hashable {
    package var method: String
    /// Without its query.
    package var path: String
    package var query: String
    /// What the sandbox wrote that goes on to the host: nothing that belongs to a connection, or says where the message goes or
    /// ends.
    package var headers: Headers

    package init(method: String, path: String, query: String = "", headers: Headers) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
    }
}

/// The rules about requests to one host, made ready for many of them. It knows nothing of connections: what comes in and goes
/// out are values.
package struct RequestRules: Sendable {
    let host: DomainName
    private let rules: [ReadyRule]
    private let paths: PathIndex
    /// In small letters: the fields that belong to some rule, so that nothing the sandbox writes into them leaves it.
    private let taken: Set<String>

    init(_ rules: [ReadyRule], host: DomainName) {
        self.host = host
        self.rules = rules
        paths = PathIndex(rules)
        taken = rules.reduce(into: []) { $0.formUnion($1.fields) }
    }

    /// What becomes of a request; what goes out is then asked of the change.
    ///
    /// - Parameter isSecure: whether it goes out over TLS; a secret goes no other way.
    /// - Throws: ``HTTPError`` with the status to answer, for a request that can not go out as the rules want it.
    package func change(_ request: RuledRequest, isSecure: Bool) throws(HTTPError) -> RequestChange {
        let facts = ReadyRule.Facts(request)
        let rules = paths.candidates(for: facts.path).map { self.rules[$0] }.filter { $0.applies(to: facts) }
        var change = RequestChange(host: host)
        let replaced = try keep(request, rules, isSecure, &change)
        for rule in rules {
            for (field, value) in rule.values {
                guard isSecure || !value.hasSecret else { throw notSecure(field) }
                change.set(field, value)
            }
            let isUsed = rule.placeholders.contains { replaced[$0.field]?.contains($0.placeholder) == true }
            if !rule.values.isEmpty || isUsed { change.applied.append(rule.id) }
        }
        return change
    }

    /// Keeps what may go out of the sandbox's own fields.
    ///
    /// - Parameter rules: those that are about the request.
    /// - Returns: the placeholders that are to be replaced, by field in small letters.
    private func keep(
        _ request: RuledRequest,
        _ rules: [ReadyRule],
        _ isSecure: Bool,
        _ change: inout RequestChange
    ) throws(HTTPError) -> [String: Set<Placeholder>] {
        let places = rules.flatMap(\.placeholders).reduce(into: [String: Set<Placeholder>]()) {
            $0[$1.field, default: []].insert($1.placeholder)
        }
        var replaced: [String: Set<Placeholder>] = [:]
        change.note(Placeholder.all(in: request.path).union(Placeholder.all(in: request.query)), in: nil)
        for field in request.headers.fields {
            let name = field.name.lowercased()
            let found = Placeholder.all(in: field.value)
            let meant = found.intersection(places[name] ?? [])
            change.note(found.subtracting(meant), in: field.name)
            guard isSecure || meant.isEmpty else { throw notSecure(field.name) }
            guard !meant.isEmpty || !taken.contains(name) else { continue }
            change.keep(field, replacing: meant)
            replaced[name, default: []].formUnion(meant)
        }
        return replaced
    }

    private func notSecure(_ field: String) -> HTTPError {
        HTTPError(403, "'\(field)' has a secret for '\(host)', which is sent over TLS only")
    }
}
