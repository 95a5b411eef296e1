import Wire

/// Where every schema is: the documents read so far, the resources (`$id`) in them, and their anchors.
///
/// Walks with a list of its own instead of by recursion, so that a deep document costs memory and not stack.
struct SchemaIndex {
    /// A part of a document that has a URI of its own.
    struct Resource {
        let base: URIReference
        let place: Place
        let vocabulary: Vocabulary
        var anchors: [String: Place] = [:]
        var dynamicAnchors: [String: Place] = [:]
    }

    struct Entry {
        let source: JSONValue
        let resource: Int
    }

    /// More schemas than any sensible document has.
    static let schemaLimit = 20_000
    /// Deeper than any sensible document is nested.
    static let depthLimit = 128

    private(set) var entries: [Place: Entry] = [:]
    /// Places in the order they were found.
    private(set) var order: [Place] = []
    private(set) var resources: [Resource] = []
    private var resourcesByURI: [URIReference: Int] = [:]
    private var documents: [String: JSONValue] = [:]
    private let remotes: [String: JSONValue]

    init(_ document: JSONValue, remotes: [String: JSONValue]) throws(JSONSchemaError) {
        self.remotes = remotes
        try add(document, as: "")
    }

    /// Reads a whole document and registers it under `uri`.
    private mutating func add(_ document: JSONValue, as uri: String) throws(JSONSchemaError) {
        documents[uri] = document
        let base = URIReference(uri)
        let root = Place(document: uri, pointer: "")
        resources.append(
            Resource(base: base, place: root, vocabulary: try vocabulary(of: document, at: root, outer: .standard))
        )
        resourcesByURI[base] = resources.count - 1
        try walk(document, at: root, resource: resources.count - 1)
        // A document with an `$id` goes by both names.
        if let entry = entries[root] { resourcesByURI[base] = entry.resource }
    }

    /// Registers the schema at `place` and everything in it that is a schema.
    private mutating func walk(_ value: JSONValue, at place: Place, resource: Int) throws(JSONSchemaError) {
        var pending = [(value: value, place: place, resource: resource, depth: 0)]
        while let (value, place, outer, depth) = pending.popLast() {
            guard entries[place] == nil else { continue }
            guard entries.count < Self.schemaLimit else {
                throw JSONSchemaError(
                    .tooLarge,
                    "The schema holds more than \(Self.schemaLimit) schemas; split it, or say less",
                    at: place.pointer
                )
            }
            guard depth <= Self.depthLimit else {
                throw JSONSchemaError(
                    .tooLarge,
                    "'\(place.text)' is nested more than \(Self.depthLimit) schemas deep; move parts of it to '$defs'",
                    at: place.pointer
                )
            }
            guard case .object(let members) = value else {
                guard case .bool = value else {
                    throw JSONSchemaError(
                        .invalidKeyword,
                        "'\(place.text)' is \(value.summary), but a schema is an object or a boolean",
                        at: place.pointer
                    )
                }
                entries[place] = Entry(source: value, resource: outer)
                order.append(place)
                continue
            }
            let resource = try self.resource(of: members, at: place, in: outer)
            entries[place] = Entry(source: value, resource: resource)
            order.append(place)
            try addAnchors(of: members, at: place, to: resource)
            for keyword in members.keys.sorted(by: >) {
                guard let shape = SubschemaShape.of(keyword, under: resources[resource].vocabulary),
                    let held = members[keyword]
                else { continue }
                for (value, place) in try Self.schemas(in: held, shape, at: place[keyword]).reversed() {
                    pending.append((value, place, resource, depth + 1))
                }
            }
        }
    }

    private static func schemas(
        in held: JSONValue,
        _ shape: SubschemaShape,
        at place: Place
    ) throws(JSONSchemaError) -> [(JSONValue, Place)] {
        switch (shape, held) {
        case (.one, .array):
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(place.text)' is a list, but must be one schema; in draft 2020-12 a list of item schemas is 'prefixItems'",
                at: place.pointer
            )
        case (.one, _):
            return [(held, place)]
        case (.list, .array(let schemas)) where !schemas.isEmpty:
            return schemas.enumerated().map { ($1, place[String($0)]) }
        case (.list, _):
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(place.text)' is \(held.summary), but must be a list of at least one schema",
                at: place.pointer
            )
        case (.map, .object(let schemas)):
            return schemas.sorted { $0.key < $1.key }.map { ($1, place[$0]) }
        case (.map, _):
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(place.text)' is \(held.summary), but must be an object whose members are schemas",
                at: place.pointer
            )
        }
    }

    // MARK: - Identity

    /// The resource the schema at `place` belongs to: a new one when it has an `$id`.
    private mutating func resource(
        of members: [String: JSONValue],
        at place: Place,
        in outer: Int
    ) throws(JSONSchemaError) -> Int {
        guard let id = members["$id"] else { return outer }
        let at = place["$id"]
        guard case .string(let text) = id, (URIReference(text).fragment ?? "").isEmpty else {
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(at.text)' is \(id.summary), but must be a URI reference without a fragment; use '$anchor' to name a place",
                at: at.pointer
            )
        }
        let base = URIReference(text).resolved(against: resources[outer].base).withoutFragment
        if let known = resourcesByURI[base], resources[known].place != place {
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(at.text)' is '\(text)', which '\(resources[known].place.text)' is already called",
                at: at.pointer
            )
        }
        let vocabulary = try vocabulary(of: .object(members), at: place, outer: resources[outer].vocabulary)
        resources.append(Resource(base: base, place: place, vocabulary: vocabulary))
        resourcesByURI[base] = resources.count - 1
        return resources.count - 1
    }

    private mutating func addAnchors(
        of members: [String: JSONValue],
        at place: Place,
        to resource: Int
    ) throws(JSONSchemaError) {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            guard let value = members[keyword] else { continue }
            let at = place[keyword]
            guard case .string(let name) = value, Self.isAnchor(name) else {
                throw JSONSchemaError(
                    .invalidKeyword,
                    "'\(at.text)' is \(value.summary), but must be a name of letters, digits, '-', '_' and '.' "
                        + "that begins with a letter or '_'",
                    at: at.pointer
                )
            }
            if let other = resources[resource].anchors[name], other != place {
                throw JSONSchemaError(
                    .invalidKeyword,
                    "'\(at.text)' is '\(name)', which '\(other.text)' is already called",
                    at: at.pointer
                )
            }
            resources[resource].anchors[name] = place
            if keyword == "$dynamicAnchor" { resources[resource].dynamicAnchors[name] = place }
        }
    }

    private static func isAnchor(_ name: String) -> Bool {
        guard let first = name.utf8.first, first.isASCIILetter || first == UInt8(ascii: "_") else { return false }
        return name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "-_.".utf8.contains($0) }
    }

    /// What `$schema` allows in `schema`.
    private func vocabulary(
        of schema: JSONValue,
        at place: Place,
        outer: Vocabulary
    ) throws(JSONSchemaError) -> Vocabulary {
        guard let value = schema["$schema"] else { return outer }
        let at = place["$schema"]
        guard case .string(let text) = value else {
            throw JSONSchemaError(
                .invalidKeyword,
                "'\(at.text)' is \(value.summary), but must be a URI",
                at: at.pointer
            )
        }
        let uri = text.hasSuffix("#") ? String(text.dropLast()) : text
        if uri == MetaSchemas.root { return .standard }
        if Vocabulary.olderDrafts.contains(uri) { return [.standard, .older] }
        guard let dialect = remotes[uri] ?? MetaSchemas.document(uri) else {
            throw JSONSchemaError(
                .unknownDialect,
                "'\(at.text)' is '\(text)', a dialect that is not known; use '\(MetaSchemas.root)' or leave '$schema' out",
                at: at.pointer
            )
        }
        guard case .object(let listed)? = dialect["$vocabulary"] else { return .standard }
        var vocabulary: Vocabulary = []
        for (name, isRequired) in listed.sorted(by: { $0.key < $1.key }) {
            if let known = Vocabulary.named(name) {
                vocabulary.formUnion(known)
            } else if isRequired == .bool(true) {
                throw JSONSchemaError(
                    .unknownDialect,
                    "'\(at.text)' is '\(text)', which requires the vocabulary '\(name)', and that is not known",
                    at: at.pointer
                )
            }
        }
        return vocabulary
    }

    // MARK: - References

    /// What a reference leads to.
    struct Target {
        let place: Place
        /// The name under which `$dynamicRef` looks on in the schemas that led here.
        let dynamicAnchor: String?
    }

    /// Finds what `reference`, written in `resource`, names, and reads its document when that is new. Nil when there is
    /// nothing of that name.
    mutating func resolve(_ reference: String, from resource: Int) throws(JSONSchemaError) -> Target? {
        let uri = URIReference(reference).resolved(against: resources[resource].base)
        guard let found = try self.resource(of: uri.withoutFragment),
            let fragment = URIReference.percentDecoded(uri.fragment ?? "")
        else { return nil }
        if fragment.isEmpty { return Target(place: resources[found].place, dynamicAnchor: nil) }
        if fragment.hasPrefix("/") {
            return try place(of: fragment, in: found).map { Target(place: $0, dynamicAnchor: nil) }
        }
        guard let place = resources[found].anchors[fragment] else { return nil }
        let isDynamic = resources[found].dynamicAnchors[fragment] != nil
        return Target(place: place, dynamicAnchor: isDynamic ? fragment : nil)
    }

    private mutating func resource(of uri: URIReference) throws(JSONSchemaError) -> Int? {
        if let known = resourcesByURI[uri] { return known }
        let text = uri.text
        guard let document = remotes[text] ?? MetaSchemas.document(text) else { return nil }
        try add(document, as: text)
        return resourcesByURI[uri]
    }

    /// The place `pointer` leads to from the root of `resource`. A place that no keyword makes a schema is read as one
    /// now, since a reference says that it is.
    private mutating func place(of pointer: String, in resource: Int) throws(JSONSchemaError) -> Place? {
        guard let tokens = JSONPointer.tokens(of: pointer), var value = entries[resources[resource].place]?.source
        else {
            return nil
        }
        var place = resources[resource].place
        var owner = resource
        for token in tokens {
            switch value {
            case .object(let members):
                guard let member = members[token] else { return nil }
                value = member
            case .array(let elements):
                guard let index = Int(token), String(index) == token, elements.indices.contains(index) else {
                    return nil
                }
                value = elements[index]
            case .null, .bool, .integer, .number, .string:
                return nil
            }
            place = place[token]
            if let entry = entries[place] { owner = entry.resource }
        }
        if entries[place] == nil { try walk(value, at: place, resource: owner) }
        return place
    }
}
