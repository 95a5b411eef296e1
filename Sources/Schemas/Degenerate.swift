import Wire

/// Why a result that fits `schema` is nonetheless no answer, in a sentence; nil when there is no reason to think so.
///
/// A model that was pressed to call the result tool sometimes fills it with anything that fits. A result is degenerate when
/// **every** string in it, and there is at least one, is
///
/// - empty or white space,
/// - a placeholder: `test`, `TODO`, `n/a`, `foo`, `lorem ipsum …`, `...` and the like, in any case and any brackets,
/// - or copied from the schema: the title, a description, an example or the default of its place, the title or the
///   description of the whole, or the name of its property;
///
/// or when it holds a string and equals one of the schema's own examples, or its default, as a whole. One string that says
/// something clears the result. Strings that `enum` or `const` allow by name count for neither side: the schema wrote
/// them. So a result without a string of its own, such as `{"count": 3}`, is never degenerate.
package func degeneracy(of result: JSONValue, schema: JSONSchema) -> String? {
    var search = DegenerateSearch(program: schema.program)
    return search.reason(for: result)
}

private struct DegenerateSearch {
    let program: Program
    private var findings: [String] = []
    private var foundSense = false
    private var rootTexts: [(source: String, text: String)] = []

    init(program: Program) {
        self.program = program
    }

    mutating func reason(for result: JSONValue) -> String? {
        let root = reach(from: [program.root])
        rootTexts = texts(of: root, keywords: ["title", "description"])
        // An example is made of sensible strings, so it has to be told first.
        let isCopy = root.contains { node in
            let source = program.nodes[node].source
            let samples = (source["examples"]?.array ?? []) + (source["default"].map { [$0] } ?? [])
            return samples.contains { $0.isSame(as: result) }
        }
        visit(result, under: [program.root], name: nil, at: "")
        if isCopy, foundSense || !findings.isEmpty { return "The result is a copy of the schema's own example" }
        guard !foundSense, !findings.isEmpty else { return nil }
        let more = findings.count > 3 ? ", and so on" : ""
        return "No string in the result says anything: \(findings.prefix(3).joined(separator: ", "))\(more)"
    }

    /// Looks at every string of `value` until one says something.
    private mutating func visit(_ value: JSONValue, under schemas: [Int], name: String?, at path: String) {
        guard !foundSense else { return }
        switch value {
        case .string(let text):
            judge(text, under: reach(from: schemas), name: name, at: path)
        case .array(let items):
            let nodes = reach(from: schemas)
            for (place, item) in items.enumerated() where !foundSense {
                visit(item, under: itemSchemas(at: place, of: nodes), name: name, at: "\(path)/\(place)")
            }
        case .object(let members):
            let nodes = reach(from: schemas)
            for (key, member) in members.sorted(by: { $0.key < $1.key }) where !foundSense {
                let path = path + "/" + JSONPointer.escaped(key)
                visit(member, under: memberSchemas(named: key, of: nodes), name: key, at: path)
            }
        case .null, .bool, .integer, .number:
            return
        }
    }

    private mutating func judge(_ text: String, under nodes: [Int], name: String?, at path: String) {
        guard !nodes.contains(where: { program.nodes[$0].forces(text) }) else { return }
        let place = "'\(path.isEmpty ? "/" : path)'"
        let plain = Placeholder.plain(text)
        if text.unicodeScalars.allSatisfy(\.properties.isWhitespace) {
            findings.append("\(place) is empty")
        } else if Placeholder.isPlaceholder(text) {
            findings.append("\(place) is the placeholder \(JSONValue.string(text).clippedText)")
        } else if let echo = (texts(of: nodes, keywords: ["title", "description", "examples", "default"]) + rootTexts)
            .first(where: { $0.text == plain })
        {
            findings.append("\(place) is a copy of the schema's \(echo.source)")
        } else if let name, Placeholder.plain(name) == plain {
            findings.append("\(place) is the name of its property")
        } else {
            foundSense = true
        }
    }

    private func texts(of nodes: [Int], keywords: [String]) -> [(source: String, text: String)] {
        nodes.flatMap { node in
            keywords.flatMap { keyword -> [(source: String, text: String)] in
                let value = program.nodes[node].source[keyword]
                let texts = value?.array?.compactMap(\.string) ?? (value?.string.map { [$0] } ?? [])
                let noun = keyword == "examples" ? "example" : keyword
                return texts.map { (noun, Placeholder.plain($0)) }
            }
        }
    }

    // MARK: - The schemas of a place

    /// `schemas` and all that apply to the same value, whichever alternative it is that fits.
    private func reach(from schemas: [Int]) -> [Int] {
        var found: [Int] = []
        var known: Set<Int> = []
        var pending = schemas
        while let node = pending.popLast() {
            guard known.insert(node).inserted else { continue }
            found.append(node)
            for keyword in program.nodes[node].keywords {
                pending += keyword.inPlace
                if case .dynamicReference(let anchor, let fallback) = keyword {
                    pending += [fallback] + program.dynamicAnchors.compactMap { $0[anchor] }
                }
            }
        }
        return found
    }

    private func memberSchemas(named name: String, of nodes: [Int]) -> [Int] {
        nodes.flatMap { node in
            program.nodes[node].keywords.flatMap { keyword -> [Int] in
                switch keyword {
                case .properties(let rules):
                    let named = rules.named[name].map { [$0] } ?? []
                    let all = named + rules.patterned.filter { $0.pattern.matches(in: name) }.map(\.node)
                    return all.isEmpty ? rules.additional.map { [$0] } ?? [] : all
                case .unevaluatedProperties(let schema): return [schema]
                default: return []
                }
            }
        }
    }

    private func itemSchemas(at place: Int, of nodes: [Int]) -> [Int] {
        nodes.flatMap { node in
            program.nodes[node].keywords.flatMap { keyword -> [Int] in
                switch keyword {
                case .prefixItems(let schemas): place < schemas.count ? [schemas[place]] : []
                case .items(let schema, let start): place >= start ? [schema] : []
                case .contains(let schema, _, _), .unevaluatedItems(let schema): [schema]
                default: []
                }
            }
        }
    }
}

extension Node {
    /// Whether the schema itself names `text` as a value.
    fileprivate func forces(_ text: String) -> Bool {
        let value = JSONValue.string(text)
        return keywords.contains { keyword in
            switch keyword {
            case .constant(let constant): constant.isSame(as: value)
            case .enumeration(let allowed): allowed.contains { $0.isSame(as: value) }
            default: false
            }
        }
    }
}
