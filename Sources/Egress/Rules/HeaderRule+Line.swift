extension HeaderRule {
    /// How a rule is written on one line.
    package static let form = "[METHOD[,METHOD] ]HOST[:PORT][/PATH] FIELD: VALUE"

    /// Reads a rule as the command line has it: `GET,HEAD api.example.com/v1/* Authorization: Bearer ${secret:example}`.
    ///
    /// - Throws: ``EgressError`` for what has another form, and for what no rule can do.
    package init(line: String) throws(EgressError) {
        guard let colon = line.firstRange(of: ": ") else { throw Self.malformed(line) }
        let words = line[..<colon.lowerBound].split(separator: " ").map(String.init)
        guard words.count == 2 || words.count == 3 else { throw Self.malformed(line) }
        let methods = words.count == 3 ? words[0].split(separator: ",").map { $0.uppercased() } : nil
        guard methods?.allSatisfy({ $0.utf8.allSatisfy { (0x41...0x5A).contains($0) } }) != false else {
            throw Self.malformed(line)
        }
        let place = words[words.count - 2]
        let slash = place.firstIndex(of: "/") ?? place.endIndex
        try self.init(
            id: "header \(place)",
            host: String(place[..<slash]),
            methods: methods,
            path: slash < place.endIndex ? String(place[slash...]) : nil,
            headers: [words[words.count - 1]: String(line[colon.upperBound...])]
        )
    }

    private static func malformed(_ line: String) -> EgressError {
        // What follows the colon may be a secret of somebody who had not heard of '${secret:NAME}'.
        let shown = line.prefix { $0 != ":" }
        return EgressError(.invalid, "'\(shown)…' is no rule for requests, which has the form '\(form)'")
    }

    /// The secrets that its values name.
    package var secrets: Set<String> {
        Set(
            headers.values.flatMap { HeaderValue($0)?.parts ?? [] }
                .compactMap { part in if case .secret(let name) = part { name } else { nil } }
        )
    }

    /// What lets the requests out that it is about.
    var permissions: [EgressPolicy.Rule] {
        let targets =
            target.ports == nil
            ? [443, 80].map { EgressTarget(target.place, ports: $0...$0) } : [target]
        return targets.map { EgressPolicy.Rule(id: id, .allow, $0) }
    }
}

extension HeaderRule: CustomStringConvertible {
    /// Without its values.
    package var description: String {
        let asked = methods.map { "\($0.joined(separator: ",")) " } ?? ""
        return "\(asked)\(target)\(path ?? "") \(headers.keys.sorted().joined(separator: ", "))"
    }
}
