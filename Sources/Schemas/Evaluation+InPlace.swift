import Wire

extension Evaluation {
    /// The rules that apply other schemas to the same value.
    mutating func checkInPlace(_ keyword: Keyword, of node: Node, on value: JSONValue, _ seen: inout Seen) -> Bool {
        switch keyword {
        case .reference(let schema):
            return apply(schema, to: value, &seen)
        case .dynamicReference(let anchor, let fallback):
            let schema = scope.lazy.compactMap { [program] in program.dynamicAnchors[$0][anchor] }.first
            return apply(schema ?? fallback, to: value, &seen)
        case .dependentSchemas(let rules):
            guard case .object(let members) = value else { return true }
            return applyAll(rules.filter { members[$0.name] != nil }.map(\.rule), to: value, &seen)
        case .allOf(let schemas):
            return applyAll(schemas, to: value, &seen)
        case .anyOf(let schemas):
            return fits(schemas, value, atMost: program.keepsBook ? .max : 1, &seen).count > 0
                || failAlternatives(schemas, "anyOf", of: node, on: value)
        case .oneOf(let schemas):
            let fitting = fits(schemas, value, atMost: 2, &seen)
            if fitting.count == 1 { return true }
            if fitting.isEmpty { return failAlternatives(schemas, "oneOf", of: node, on: value) }
            return fail(
                node,
                "oneOf",
                "fits more than one of the \(schemas.count) alternatives (number \(fitting[0] + 1) and number "
                    + "\(fitting[1] + 1)), but must fit exactly one"
            )
        case .not(let schema):
            var inner = Seen()
            guard holdsQuietly(schema, on: value, &inner) else { return surrender == nil }
            let source = program.nodes[schema].source
            return fail(node, "not", "fits what is not allowed: \(source.text().clipped(to: 200))")
        case .conditional(let test, let then, let otherwise):
            let holds = holdsQuietly(test, on: value, &seen)
            guard surrender == nil else { return false }
            return (holds ? then : otherwise).map { apply($0, to: value, &seen) } ?? true
        default:
            return true
        }
    }

    private mutating func applyAll(_ schemas: [Int], to value: JSONValue, _ seen: inout Seen) -> Bool {
        var holds = true
        for schema in schemas {
            holds = apply(schema, to: value, &seen) && holds
            if !holds, isQuiet || surrender != nil { break }
        }
        return holds
    }

    /// The places of the alternatives that fit, until there are enough.
    private mutating func fits(_ schemas: [Int], _ value: JSONValue, atMost: Int, _ seen: inout Seen) -> [Int] {
        var fitting: [Int] = []
        for (place, schema) in schemas.enumerated() where fitting.count < atMost {
            if holdsQuietly(schema, on: value, &seen) { fitting.append(place) }
        }
        return fitting
    }

    /// What `schema` has against `value`, without writing it down.
    mutating func reasons(against schema: Int, on value: JSONValue) -> [Fault] {
        guard !isQuiet else { return [] }
        let before = faults
        faults = []
        defer { faults = before }
        var inner = Seen()
        _ = apply(schema, to: value, &inner)
        return faults
    }

    /// Says that no alternative fits, and what the nearest one asks for.
    private mutating func failAlternatives(_ schemas: [Int], _ keyword: String, of node: Node, on value: JSONValue)
        -> Bool
    {
        guard !isQuiet, surrender == nil, faults.count < Fault.limit else { return false }
        let here = path.pointer
        let candidates = schemas.map { reasons(against: $0, on: value) }
        let types = zip(schemas, candidates).map { typeNames(of: $0, failing: $1, at: here) }
        // All alternatives ask for another type: then the types are the whole story.
        if types.allSatisfy({ $0 != nil }) {
            var names: [String] = []
            for name in types.compactMap(\.self).joined() where !names.contains(name) { names.append(name) }
            return fail(node, keyword, "expected \(names.listed(with: "or")), got \(value.summary)")
        }
        let nearest = candidates.indices.min { cost(candidates[$0], at: here) < cost(candidates[$1], at: here) } ?? 0
        let count = schemas.count
        _ = fail(
            node,
            keyword,
            "\(value.summary) fits none of the \(count.of("alternative")) of '\(keyword)'"
                + (count > 1 ? "; the nearest is number \(nearest + 1), which is not met because:" : ", because:")
        )
        for fault in candidates[nearest] where faults.count < Fault.limit { faults.append(fault) }
        return false
    }

    /// The types a schema asks for when its type is all that is wrong.
    private func typeNames(of schema: Int, failing faults: [Fault], at here: String) -> [String]? {
        guard faults.first?.instancePath == here, faults.first?.schemaPath.hasSuffix("/type") == true else {
            return nil
        }
        for keyword in program.nodes[schema].keywords {
            if case .type(let types) = keyword { return types.map(\.rawValue) }
        }
        return nil
    }

    /// How far an alternative is from fitting: another type or another constant is further than any number of slips
    /// within.
    private func cost(_ faults: [Fault], at here: String) -> Int {
        faults.reduce(0) { sum, fault in
            let keyword = fault.schemaPath.split(separator: "/").last ?? ""
            if fault.instancePath == here, keyword == "type" || keyword == "enum" || keyword == "const" {
                return sum + 10_000
            }
            return sum + (keyword == "const" || keyword == "enum" ? 100 : 1)
        }
    }
}

extension Fault {
    /// The message without the path it begins with, for use inside another one.
    var withoutPath: Substring {
        message.firstRange(of: ": ").map { message[$0.upperBound...] } ?? message[...]
    }
}
