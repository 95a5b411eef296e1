import Wire

extension JSONSchema {
    /// The schema as the input of a tool, which must be an object.
    ///
    /// A schema whose `type` is exactly `"object"`, without alternatives at its root (which the model's API refuses in a
    /// tool), is returned as it is. Any other becomes the property `result` of an
    /// object, the only one and required, and the caller takes it out again. References within the schema are
    /// rewritten to the new place, so that readers who know nothing but JSON Pointers can follow them; a schema with an
    /// `$id` of its own keeps them, since they are counted from there.
    package func wrappedForTool() -> (schema: JSONSchema, isWrapped: Bool) {
        let hasAlternatives = ["anyOf", "oneOf", "allOf"].contains { self.document[$0] != nil }
        if self.document["type"] == "object", !hasAlternatives { return (self, false) }
        let prefix = "/properties/result"
        var inner = document
        var outer: [String: JSONValue] = [
            "type": "object", "properties": .null, "required": ["result"], "additionalProperties": false,
        ]
        if case .object(var members) = document, members["$id"] == nil {
            rewriteReferences(in: &inner, to: prefix)
            // `$schema` may only stand where a resource begins.
            if case .object(let rewritten) = inner { members = rewritten }
            outer["$schema"] = members.removeValue(forKey: "$schema")
            inner = .object(members)
        }
        outer["properties"] = ["result": inner]
        let document = JSONValue.object(outer)
        return (JSONSchema(document: document, program: program.wrapped(at: prefix, source: document)), true)
    }

    /// Puts `prefix` before the pointers of all references that are counted from the root of the document.
    private func rewriteReferences(in document: inout JSONValue, to prefix: String) {
        let resource = program.nodes[program.root].resource
        for node in program.nodes where node.place.document.isEmpty && node.resource == resource {
            for keyword in ["$ref", "$dynamicRef"] {
                guard case .string(let reference)? = node.source[keyword] else { continue }
                guard reference.isEmpty || reference == "#" || reference.hasPrefix("#/") else { continue }
                let path = JSONPointer.tokens(of: node.place.pointer) ?? []
                document.set(.string("#" + prefix + reference.dropFirst()), at: path[...], keyword)
            }
        }
    }
}

extension Program {
    /// The same program with an object around its root.
    ///
    /// Made by hand and not by compiling `source`, so that it cannot fail.
    fileprivate func wrapped(at prefix: String, source: JSONValue) -> Program {
        var program = self
        for number in program.nodes.indices where program.nodes[number].place.document.isEmpty {
            program.nodes[number].place.pointer = prefix + program.nodes[number].place.pointer
        }
        let (place, resource) = (Place(document: "", pointer: ""), nodes[root].resource)
        program.nodes.append(
            Node(place: place["additionalProperties"], resource: resource, source: false, keywords: [.never])
        )
        let rules = PropertyRules(named: ["result": root], patterned: [], additional: nodes.count)
        program.root = program.nodes.count
        program.nodes.append(
            Node(
                place: place,
                resource: resource,
                source: source,
                keywords: [.type([.object]), .required(["result"]), .properties(rules)]
            )
        )
        return program
    }
}

extension JSONValue {
    /// Replaces the member `key` of the object at `path`, where there is one.
    fileprivate mutating func set(_ value: JSONValue, at path: ArraySlice<String>, _ key: String) {
        guard let first = path.first else {
            if case .object(var members) = self {
                members[key] = value
                self = .object(members)
            }
            return
        }
        switch self {
        case .object(var members):
            members[first]?.set(value, at: path.dropFirst(), key)
            self = .object(members)
        case .array(var elements):
            if let index = Int(first), elements.indices.contains(index) {
                elements[index].set(value, at: path.dropFirst(), key)
                self = .array(elements)
            }
        case .null, .bool, .integer, .number, .string:
            return
        }
    }
}
