extension HeaderRule {
    /// How a rule is written on one line.
    package static let form = "[METHOD[,METHOD] ]HOST[:PORT][/PATH] ['['FIELD[: VALUE]'] '...]FIELD: VALUE"

    /// Reads a rule as the command line has it: `GET,HEAD api.example.com/v1/* Authorization: Bearer ${secret:example}`, with
    /// what a request has to have in brackets: `api.example.com [X-Account: a] Authorization: Bearer ${secret:a}`.
    ///
    /// - Throws: ``EgressError`` for what has another form, and for what no rule can do.
    package init(line: String) throws(EgressError) {
        guard let parts = LineParts(line) else { throw Self.malformed(line) }
        let words = parts.words
        let methods = words.count == 2 ? words[0].split(separator: ",").map { $0.uppercased() } : nil
        guard methods?.allSatisfy({ $0.utf8.allSatisfy { (0x41...0x5A).contains($0) } }) != false else {
            throw Self.malformed(line)
        }
        let place = words[words.count - 1]
        let slash = place.firstIndex(of: "/") ?? place.endIndex
        try self.init(
            id: "header \(place)",
            host: String(place[..<slash]),
            methods: methods,
            path: slash < place.endIndex ? String(place[slash...]) : nil,
            conditions: parts.conditions,
            headers: [parts.field: parts.value]
        )
    }

    private struct LineParts {
        /// Perhaps methods, and the place.
        var words: [String] = []
        var conditions: [String: String] = [:]
        var field = ""
        var value = ""

        init?(_ line: String) {
            var rest = line[...]
            while true {
                rest = rest.drop { $0 == " " }
                let word = rest.prefix { $0 != " " }
                guard !word.isEmpty else { return nil }
                if word.hasPrefix("["), !words.isEmpty {
                    guard let end = rest.firstIndex(of: "]"), add(condition: rest[..<end].dropFirst()) else {
                        return nil
                    }
                    rest = rest[rest.index(after: end)...]
                } else if word.hasSuffix(":"), word.endIndex < rest.endIndex, !words.isEmpty {
                    field = String(word.dropLast())
                    value = String(rest[rest.index(after: word.endIndex)...])
                    return
                } else {
                    guard words.count < 2, conditions.isEmpty else { return nil }
                    words.append(String(word))
                    rest = rest[word.endIndex...]
                }
            }
        }

        /// A field that is to be there has any value.
        private mutating func add(condition text: Substring) -> Bool {
            let parts = text.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
            return conditions.updateValue(parts.count > 1 ? String(parts[1]) : "*", forKey: String(parts[0])) == nil
        }
    }

    private static func malformed(_ line: String) -> EgressError {
        // What follows the colon may be a secret of somebody who had not heard of '${secret:NAME}'.
        let shown = line.prefix { $0 != ":" }
        return EgressError(.invalid, "'\(shown)…' is no rule for requests, which has the form '\(form)'")
    }

    /// The secrets that its values name.
    package var secrets: Set<String> {
        Set(headers.values.flatMap { HeaderValue($0)?.secrets ?? [] })
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
        let conditions = (conditions ?? [:]).keys.sorted().map { "[\($0)] " }.joined()
        return "\(asked)\(target)\(path ?? "") \(conditions)\(headers.keys.sorted().joined(separator: ", "))"
    }
}
