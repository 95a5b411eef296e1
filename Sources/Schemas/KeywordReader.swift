import Wire

/// Reads the keywords of one schema that are plain values, and says what is wrong with them.
struct KeywordReader {
    let members: [String: JSONValue]
    let place: Place

    /// The keywords that assert something about the instance itself.
    func assertions() throws(JSONSchemaError) -> [Keyword] {
        var keywords: [Keyword] = []
        if let types = try types() { keywords.append(.type(types)) }
        if let value = members["const"] { keywords.append(.constant(value)) }
        if let values = try enumeration() { keywords.append(.enumeration(values)) }
        keywords += try numberRules()
        if let limit = try count("maxLength") { keywords.append(.maxLength(limit)) }
        if let limit = try count("minLength") { keywords.append(.minLength(limit)) }
        if let source = try text("pattern") { keywords.append(.pattern(try pattern(source, at: place["pattern"]))) }
        if let limit = try count("maxItems") { keywords.append(.maxItems(limit)) }
        if let limit = try count("minItems") { keywords.append(.minItems(limit)) }
        if try flag("uniqueItems") == true { keywords.append(.uniqueItems) }
        // Without `contains` they say nothing, but may still be wrong.
        for keyword in ["minContains", "maxContains"] { _ = try count(keyword) }
        if let names = try names("required") { keywords.append(.required(names)) }
        if let rules = try dependentRequired() { keywords.append(.dependentRequired(rules)) }
        if let limit = try count("maxProperties") { keywords.append(.maxProperties(limit)) }
        if let limit = try count("minProperties") { keywords.append(.minProperties(limit)) }
        return keywords
    }

    /// The keywords that assert nothing and still have a type.
    func checkRemarks() throws(JSONSchemaError) {
        for keyword in ["title", "description", "$comment", "contentEncoding", "contentMediaType", "format"] {
            _ = try text(keyword)
        }
        for keyword in ["deprecated", "readOnly", "writeOnly"] { _ = try flag(keyword) }
        if let value = members["examples"], value.array == nil { throw fault("examples", value, "a list of values") }
        if let value = members["$vocabulary"], value.object == nil { throw fault("$vocabulary", value, "an object") }
    }

    /// Refuses what an older draft meant by keywords that draft 2020-12 would ignore.
    func refuseAbandoned() throws(JSONSchemaError) {
        let successors = [
            ("dependencies", "'dependentRequired' or 'dependentSchemas'"), ("$recursiveRef", "'$dynamicRef'"),
        ]
        for (keyword, successor) in successors where members[keyword] != nil {
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(place[keyword].text)' is a keyword of an older draft; in draft 2020-12 it is \(successor)",
                at: place[keyword].pointer
            )
        }
    }

    private func types() throws(JSONSchemaError) -> [InstanceType]? {
        switch members["type"] {
        case nil: return nil
        case .string(let name)?: return [try type(name, at: place["type"])]
        case .array(let values)? where !values.isEmpty:
            var types: [InstanceType] = []
            for (index, value) in values.enumerated() {
                let at = place["type"][String(index)]
                guard case .string(let name) = value else { throw fault(at, value, "the name of a type") }
                let type = try type(name, at: at)
                guard !types.contains(type) else { throw fault(at, value, "a type that is not yet in the list") }
                types.append(type)
            }
            return types
        case let other?: throw fault("type", other, "the name of a type or a list of names")
        }
    }

    private func type(_ name: String, at place: Place) throws(JSONSchemaError) -> InstanceType {
        if let type = InstanceType(rawValue: name) { return type }
        let names = InstanceType.allCases.map(\.rawValue)
        throw JSONSchemaError(
            .invalidKeyword,
            "'\(place.text)' is '\(name.clipped(to: 60))', which is no JSON Schema type; use one of "
                + names.map { "'\($0)'" }.joined(separator: ", ")
                + (NearName.of(name, among: names).map { "; did you mean '\($0)'?" } ?? ""),
            at: place.pointer
        )
    }

    private func enumeration() throws(JSONSchemaError) -> [JSONValue]? {
        guard let value = members["enum"] else { return nil }
        guard case .array(let values) = value else { throw fault("enum", value, "a list of values") }
        return values
    }

    private func numberRules() throws(JSONSchemaError) -> [Keyword] {
        var keywords: [Keyword] = []
        if let value = members["multipleOf"] {
            guard let number = value.number, number > 0 else { throw fault("multipleOf", value, "a number above 0") }
            keywords.append(.multipleOf(value))
        }
        for bound in [Bound.maximum, .exclusiveMaximum, .minimum, .exclusiveMinimum] {
            guard let value = members[bound.rawValue] else { continue }
            guard value.number != nil else { throw fault(bound.rawValue, value, "a number") }
            keywords.append(.bound(bound, value))
        }
        return keywords
    }

    private func dependentRequired() throws(JSONSchemaError) -> [Dependent<[String]>]? {
        guard let value = members["dependentRequired"] else { return nil }
        guard case .object(let lists) = value else {
            throw fault("dependentRequired", value, "an object whose members are lists of property names")
        }
        var rules: [Dependent<[String]>] = []
        for (name, list) in lists.sorted(by: { $0.key < $1.key }) {
            rules.append(Dependent(name: name, rule: try names(list, at: place["dependentRequired"][name])))
        }
        return rules
    }

    // MARK: - Values

    func text(_ keyword: String) throws(JSONSchemaError) -> String? {
        guard let value = members[keyword] else { return nil }
        guard case .string(let text) = value else { throw fault(keyword, value, "a string") }
        return text
    }

    private func flag(_ keyword: String) throws(JSONSchemaError) -> Bool? {
        guard let value = members[keyword] else { return nil }
        guard case .bool(let flag) = value else { throw fault(keyword, value, "true or false") }
        return flag
    }

    /// A number of things: a whole number that is not negative. One beyond all counting limits nothing.
    func count(_ keyword: String) throws(JSONSchemaError) -> Int? {
        guard let value = members[keyword] else { return nil }
        guard InstanceType.integer.includes(value), let number = value.number, number >= 0 else {
            throw fault(keyword, value, "a whole number, 0 or more")
        }
        return value.integer.map(Int.init) ?? .max
    }

    private func names(_ keyword: String) throws(JSONSchemaError) -> [String]? {
        guard let value = members[keyword] else { return nil }
        return try names(value, at: place[keyword])
    }

    private func names(_ value: JSONValue, at place: Place) throws(JSONSchemaError) -> [String] {
        guard case .array(let values) = value else { throw fault(place, value, "a list of property names") }
        var names: [String] = []
        var seen: Set<String> = []
        for (index, value) in values.enumerated() {
            guard case .string(let name) = value else { throw fault(place[String(index)], value, "a property name") }
            guard seen.insert(name).inserted else {
                throw fault(place[String(index)], value, "a name that is not yet in the list")
            }
            names.append(name)
        }
        return names
    }

    func pattern(_ source: String, at place: Place) throws(JSONSchemaError) -> Pattern {
        do {
            return try Pattern(source)
        } catch {
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(place.text)' is '\(source.clipped(to: 60))', which is no regular expression: \(error.message)",
                at: place.pointer
            )
        }
    }

    private func fault(_ keyword: String, _ value: JSONValue, _ expected: String) -> JSONSchemaError {
        fault(place[keyword], value, expected)
    }

    private func fault(_ place: Place, _ value: JSONValue, _ expected: String) -> JSONSchemaError {
        JSONSchemaError(
            .invalidKeyword,
            "'\(place.text)' is \(value.summary), but must be \(expected)",
            at: place.pointer
        )
    }
}
