import Wire

/// Turns an indexed schema into a program, and refuses what no validator could apply.
///
/// Every schema of a document is compiled, also one that nothing refers to, so that a mistake is reported when it is made.
/// References are followed by a list of places still to do, not by recursion.
struct Compiler {
    private var index: SchemaIndex
    private var program = Program()
    private var numbers: [Place: Int] = [:]
    private let assertFormats: Bool
    /// The keyword that leads from one schema to another on the same instance, to name it when they lead in a circle.
    private var referenceText: [Int: String] = [:]

    init(_ document: JSONValue, assertFormats: Bool, remotes: [String: JSONValue]) throws(JSONSchemaError) {
        index = try SchemaIndex(document, remotes: remotes)
        self.assertFormats = assertFormats
    }

    mutating func compile() throws(JSONSchemaError) -> Program {
        // `order` grows while references bring in further documents.
        var next = 0
        while next < index.order.count {
            let place = index.order[next]
            next += 1
            let number = self.number(of: place)
            guard let entry = index.entries[place] else { continue }
            program.nodes[number].keywords = try keywords(of: entry, at: place)
        }
        program.dynamicAnchors = index.resources.map { $0.dynamicAnchors.compactMapValues { numbers[$0] } }
        try refuseEndlessReferences()
        return program
    }

    /// The node for the schema at `place`, which is indexed; its keywords may still be missing.
    private mutating func number(of place: Place) -> Int {
        if let known = numbers[place] { return known }
        let entry = index.entries[place]
        program.nodes.append(
            Node(place: place, resource: entry?.resource ?? 0, source: entry?.source ?? true, keywords: [])
        )
        numbers[place] = program.nodes.count - 1
        return program.nodes.count - 1
    }

    private mutating func keywords(of entry: SchemaIndex.Entry, at place: Place) throws(JSONSchemaError) -> [Keyword] {
        guard case .object(let members) = entry.source else { return entry.source == false ? [.never] : [] }
        let vocabulary = index.resources[entry.resource].vocabulary
        let reader = KeywordReader(members: members, place: place)
        try reader.checkRemarks()
        if vocabulary.contains(.older) { try reader.refuseAbandoned() }
        var keywords = try references(reader, in: entry.resource, from: numbers[place] ?? 0)
        if vocabulary.contains(.validation) { keywords += try reader.assertions() }
        if let name = try reader.text("format"), assertFormats || vocabulary.contains(.formatAssertion) {
            if let format = Format(rawValue: name) { keywords.append(.format(format)) }
        }
        if vocabulary.contains(.applicator) { keywords += try applicators(reader) }
        if vocabulary.contains(.unevaluated) { keywords += unevaluated(reader) }
        return keywords
    }

    // MARK: - References

    private mutating func references(
        _ reader: KeywordReader,
        in resource: Int,
        from node: Int
    ) throws(JSONSchemaError) -> [Keyword] {
        var keywords: [Keyword] = []
        for keyword in ["$ref", "$dynamicRef"] {
            guard let reference = try reader.text(keyword) else { continue }
            guard let target = try index.resolve(reference, from: resource) else {
                let at = reader.place[keyword]
                throw JSONSchemaError(
                    .unresolvedReference,
                    "'\(at.text)' is '\(reference)', which names nothing in this schema"
                        + (reference.hasPrefix("#") ? "" : "; nothing is fetched, so put what it means under '$defs'")
                        + near(reference),
                    at: at.pointer
                )
            }
            let number = self.number(of: target.place)
            if keyword == "$dynamicRef", let anchor = target.dynamicAnchor {
                keywords.append(.dynamicReference(anchor: anchor, fallback: number))
            } else {
                referenceText[node] = reference
                keywords.append(.reference(number))
            }
        }
        return keywords
    }

    private func near(_ reference: String) -> String {
        let places = index.order.lazy.filter { $0.document.isEmpty }.map { "#" + $0.pointer }.prefix(500)
        return NearName.of(reference, among: Array(places)).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// Refuses references that lead back to themselves on the same instance: to apply them would never end.
    private func refuseEndlessReferences() throws(JSONSchemaError) {
        enum Mark { case new, open, done }
        let edges = program.nodes.map { $0.keywords.flatMap(\.inPlace) }
        var marks = [Mark](repeating: .new, count: edges.count)
        for start in edges.indices where marks[start] == .new {
            var path = [(node: start, next: 0)]
            marks[start] = .open
            while let (node, next) = path.last {
                guard next < edges[node].count else {
                    marks[node] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = edges[node][next]
                switch marks[target] {
                case .done: continue
                case .new:
                    marks[target] = .open
                    path.append((target, 0))
                case .open:
                    let culprit = path.last { referenceText[$0.node] != nil }?.node ?? node
                    let at = program.nodes[culprit].place["$ref"]
                    throw JSONSchemaError(
                        .endlessReference,
                        "'\(at.text)' is '\(referenceText[culprit] ?? "")', which leads back to itself without entering "
                            + "a property or an item, so it describes nothing",
                        at: at.pointer
                    )
                }
            }
        }
    }

    // MARK: - Schemas within schemas

    private mutating func child(_ reader: KeywordReader, _ keyword: String) -> Int? {
        reader.members[keyword] == nil ? nil : number(of: reader.place[keyword])
    }

    private mutating func children(_ reader: KeywordReader, _ keyword: String) -> [Int]? {
        guard case .array(let schemas)? = reader.members[keyword] else { return nil }
        return schemas.indices.map { number(of: reader.place[keyword][String($0)]) }
    }

    private mutating func namedChildren(_ reader: KeywordReader, _ keyword: String) -> [(name: String, node: Int)] {
        guard case .object(let schemas)? = reader.members[keyword] else { return [] }
        return schemas.keys.sorted().map { ($0, number(of: reader.place[keyword][$0])) }
    }

    private mutating func applicators(_ reader: KeywordReader) throws(JSONSchemaError) -> [Keyword] {
        var keywords: [Keyword] = []
        if let rules = try propertyRules(reader) { keywords.append(.properties(rules)) }
        if let node = child(reader, "propertyNames") { keywords.append(.propertyNames(node)) }
        let prefix = children(reader, "prefixItems")
        if let prefix { keywords.append(.prefixItems(prefix)) }
        if let node = child(reader, "items") { keywords.append(.items(node, after: prefix?.count ?? 0)) }
        if let node = child(reader, "contains") {
            let (atLeast, atMost) = (try reader.count("minContains"), try reader.count("maxContains"))
            keywords.append(.contains(node, atLeast: atLeast ?? 1, atMost: atMost))
        }
        if let nodes = children(reader, "allOf") { keywords.append(.allOf(nodes)) }
        if let nodes = children(reader, "anyOf") { keywords.append(.anyOf(nodes)) }
        if let nodes = children(reader, "oneOf") { keywords.append(.oneOf(nodes)) }
        if let node = child(reader, "not") { keywords.append(.not(node)) }
        if let test = child(reader, "if") {
            let (then, otherwise) = (child(reader, "then"), child(reader, "else"))
            keywords.append(.conditional(test: test, then: then, otherwise: otherwise))
        }
        let dependents = namedChildren(reader, "dependentSchemas")
        if !dependents.isEmpty {
            keywords.append(.dependentSchemas(dependents.map { Dependent(name: $0.name, rule: $0.node) }))
        }
        return keywords
    }

    private mutating func propertyRules(_ reader: KeywordReader) throws(JSONSchemaError) -> PropertyRules? {
        let keywords = ["properties", "patternProperties", "additionalProperties"]
        guard keywords.contains(where: { reader.members[$0] != nil }) else { return nil }
        var rules = PropertyRules()
        for (name, node) in namedChildren(reader, "properties") { rules.named[name] = node }
        for (text, node) in namedChildren(reader, "patternProperties") {
            rules.patterned.append((try reader.pattern(text, at: reader.place["patternProperties"][text]), node))
        }
        rules.additional = child(reader, "additionalProperties")
        return rules
    }

    private mutating func unevaluated(_ reader: KeywordReader) -> [Keyword] {
        var keywords: [Keyword] = []
        if let node = child(reader, "unevaluatedItems") { keywords.append(.unevaluatedItems(node)) }
        if let node = child(reader, "unevaluatedProperties") { keywords.append(.unevaluatedProperties(node)) }
        if !keywords.isEmpty { program.keepsBook = true }
        return keywords
    }
}
