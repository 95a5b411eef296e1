import Wire

extension Evaluation {
    /// The rules for objects.
    mutating func checkObject(
        _ keyword: Keyword,
        of node: Node,
        on members: [String: JSONValue],
        _ seen: inout Seen
    ) -> Bool {
        switch keyword {
        case .properties(let rules):
            return checkProperties(rules, of: node, on: members, &seen)
        case .propertyNames(let schema):
            return checkNames(schema, of: node, on: members)
        case .required(let names):
            let missing = names.filter { members[$0] == nil }
            for name in missing { _ = fail(node, "required", "missing required property '\(name.clipped(to: 60))'") }
            return missing.isEmpty
        case .dependentRequired(let rules):
            var holds = true
            for rule in rules where members[rule.name] != nil {
                for name in rule.rule where members[name] == nil {
                    holds = fail(
                        node,
                        "dependentRequired",
                        "missing property '\(name.clipped(to: 60))', which is required when "
                            + "'\(rule.name.clipped(to: 60))' is there"
                    )
                }
            }
            return holds
        case .maxProperties(let limit):
            return members.count <= limit
                || fail(node, "maxProperties", "expected at most \(limit) properties, got \(members.count)")
        case .minProperties(let limit):
            return members.count >= limit
                || fail(node, "minProperties", "expected at least \(limit) properties, got \(members.count)")
        case .unevaluatedProperties(let schema):
            let left = seen.allNames ? [] : members.keys.filter { !seen.names.contains($0) }.sorted()
            seen.allNames = true
            return applyToRest(schema, left, "unevaluatedProperties", known: [], of: node, on: members)
        default:
            return true
        }
    }

    private mutating func checkProperties(
        _ rules: PropertyRules,
        of node: Node,
        on members: [String: JSONValue],
        _ seen: inout Seen
    ) -> Bool {
        guard spend(members.count * (1 + rules.patterned.count)) else { return false }
        var holds = true
        var rest: [String] = []
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            var schemas = rules.named[name].map { [$0] } ?? []
            for (pattern, schema) in rules.patterned where pattern.matches(in: name) { schemas.append(schema) }
            if schemas.isEmpty {
                rest.append(name)
            } else if program.keepsBook {
                seen.names.insert(name)
            }
            for schema in schemas {
                holds = applyMember(schema, name, value) && holds
                if !holds, isQuiet || surrender != nil { return false }
            }
        }
        guard let additional = rules.additional else { return holds }
        seen.allNames = true
        let known = rules.named.keys.sorted()
        return applyToRest(additional, rest, "additionalProperties", known: known, of: node, on: members) && holds
    }

    private mutating func applyMember(_ schema: Int, _ name: String, _ value: JSONValue) -> Bool {
        path.enter(name)
        defer { path.leave() }
        var inner = Seen()
        return apply(schema, to: value, &inner)
    }

    /// Applies a schema to the members no other rule spoke of; `false` there means that they must not be.
    private mutating func applyToRest(
        _ schema: Int,
        _ names: [String],
        _ keyword: String,
        known: [String],
        of node: Node,
        on members: [String: JSONValue]
    ) -> Bool {
        var holds = true
        for name in names {
            if case .never? = program.nodes[schema].keywords.first {
                holds = fail(node, keyword, Self.unexpectedMessage(name, known: known, present: members))
            } else if let value = members[name] {
                holds = applyMember(schema, name, value) && holds
            }
            if !holds, isQuiet || surrender != nil { break }
        }
        return holds
    }

    private static func unexpectedMessage(_ name: String, known: [String], present: [String: JSONValue]) -> String {
        var message = "unexpected property '\(name.clipped(to: 60))'"
        if let near = NearName.of(name, among: known.filter { present[$0] == nil }) {
            message += "; did you mean '\(near)'?"
        } else if !known.isEmpty {
            message += "; allowed are " + known.prefix(20).map { "'\($0.clipped(to: 60))'" }.joined(separator: ", ")
            if known.count > 20 { message += " and \(known.count - 20) more" }
        }
        return message
    }

    private mutating func checkNames(_ schema: Int, of node: Node, on members: [String: JSONValue]) -> Bool {
        var holds = true
        for name in members.keys.sorted() {
            var inner = Seen()
            guard !holdsQuietly(schema, on: .string(name), &inner) else { continue }
            let reasons = reasons(against: schema, on: .string(name)).prefix(3).map(\.withoutPath)
            holds = fail(
                node,
                "propertyNames",
                "the property name '\(name.clipped(to: 60))' is not allowed: \(reasons.joined(separator: "; "))"
            )
            if isQuiet || surrender != nil { break }
        }
        return holds
    }
}
