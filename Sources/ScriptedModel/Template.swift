import Wire

/// A JSON value in whose texts `${…}` stands for values that are known only when the step is played.
///
/// A text that is one `${…}` and nothing else becomes that value, of whatever type. Within a longer text a value is
/// inserted as text: a text as it is, anything else as JSON. `$${` is a literal `${`.
struct Template: Sendable {
    private indirect enum Node: Sendable {
        case literal(JSONValue)
        case reference(Reference)
        case text([Piece])
        case array([Node])
        case object([String: Node])
    }

    private enum Piece: Sendable {
        case literal(String)
        case reference(Reference)
    }

    private let root: Node
    /// Every reference, for the check that its name exists.
    let references: [Reference]

    init(_ source: Placed) throws(ScriptError) {
        var references: [Reference] = []
        root = try Self.node(source, &references)
        self.references = references
    }

    private static func node(_ source: Placed, _ references: inout [Reference]) throws(ScriptError) -> Node {
        switch source.value {
        case .null, .bool, .integer, .number:
            return .literal(source.value)
        case .array:
            var nodes: [Node] = []
            for element in try source.elements() { nodes.append(try node(element, &references)) }
            return .array(nodes)
        case .object:
            var nodes: [String: Node] = [:]
            for (key, member) in try source.members() { nodes[key] = try node(member, &references) }
            return .object(nodes)
        case .string(let text):
            let pieces = try pieces(text, source.place)
            for case .reference(let reference) in pieces { references.append(reference) }
            if pieces.count == 1, case .reference(let reference) = pieces[0] { return .reference(reference) }
            return .text(pieces)
        }
    }

    private static func pieces(_ text: String, _ place: String) throws(ScriptError) -> [Piece] {
        var pieces: [Piece] = []
        var literal = ""
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("$${") {
                literal += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    throw .malformed(place, "a '${' has no '}'; write '$${' for a literal '${'")
                }
                if !literal.isEmpty { pieces.append(.literal(literal)) }
                literal = ""
                pieces.append(.reference(try Reference(String(rest[..<end].dropFirst(2)), at: place)))
                rest = rest[end...].dropFirst()
            } else {
                literal.append(character)
                rest = rest.dropFirst()
            }
        }
        if !literal.isEmpty { pieces.append(.literal(literal)) }
        return pieces
    }

    /// Puts the values in.
    func rendered(_ scope: Scope) throws(ScriptError) -> JSONValue {
        try Self.rendered(root, scope)
    }

    /// As ``rendered(_:)``, for a place where only text makes sense.
    func renderedText(_ scope: Scope) throws(ScriptError) -> String {
        try rendered(scope).asText
    }

    private static func rendered(_ node: Node, _ scope: Scope) throws(ScriptError) -> JSONValue {
        switch node {
        case .literal(let value):
            return value
        case .reference(let reference):
            return try scope.value(of: reference)
        case .text(let pieces):
            var text = ""
            for piece in pieces {
                switch piece {
                case .literal(let literal): text += literal
                case .reference(let reference): text += try scope.value(of: reference).asText
                }
            }
            return .string(text)
        case .array(let nodes):
            var values: [JSONValue] = []
            for node in nodes { values.append(try rendered(node, scope)) }
            return .array(values)
        case .object(let nodes):
            var values: [String: JSONValue] = [:]
            for (key, node) in nodes { values[key] = try rendered(node, scope) }
            return .object(values)
        }
    }
}

extension JSONValue {
    /// The value inside a longer text.
    var asText: String { string ?? text() }
}

/// What stands between `${` and `}`: a name, then any number of `.member` and `[index]`.
struct Reference: Sendable {
    private enum Accessor: Sendable {
        case member(String)
        /// A negative index counts from the end.
        case index(Int)
    }

    let name: String
    let place: String
    private let source: String
    private let accessors: [Accessor]

    init(_ source: String, at place: String) throws(ScriptError) {
        self.source = source
        self.place = place
        var rest = source[...]
        name = String(rest.prefix(while: Self.isNameCharacter))
        rest = rest.dropFirst(name.count)
        var accessors: [Accessor] = []
        while let mark = rest.popFirst() {
            switch mark {
            case ".":
                let member = rest.prefix(while: Self.isNameCharacter)
                guard !member.isEmpty else { throw Self.wrong(source, place) }
                accessors.append(.member(String(member)))
                rest = rest.dropFirst(member.count)
            case "[":
                guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]) else {
                    throw Self.wrong(source, place)
                }
                accessors.append(.index(index))
                rest = rest[end...].dropFirst()
            default:
                throw Self.wrong(source, place)
            }
        }
        guard Self.isName(name) else { throw Self.wrong(source, place) }
        self.accessors = accessors
    }

    static func isName(_ name: String) -> Bool {
        guard let first = name.first, !first.isNumber else { return false }
        return name.allSatisfy(isNameCharacter)
    }

    private static func isNameCharacter(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || character == "_")
    }

    private static func wrong(_ source: String, _ place: String) -> ScriptError {
        .malformed(place, "'${\(source)}' is not a name, with '.member' or '[index]' behind it")
    }

    /// Follows the accessors. `.count` of a list is its length.
    func resolve(in whole: JSONValue) throws(ScriptError) -> JSONValue {
        var value = whole
        for accessor in accessors {
            let next: JSONValue? =
                switch accessor {
                case .member("count"): value["count"] ?? value.array.map { .integer(Int64($0.count)) }
                case .member(let name): value[name]
                case .index(let index): value[index < 0 ? (value.array?.count ?? 0) + index : index]
                }
            guard let next else {
                throw ScriptError(
                    .notCaptured,
                    at: place,
                    "The script asks at '\(place)' for '${\(source)}', which is not in the captured \(whole.excerpt)"
                )
            }
            value = next
        }
        return value
    }
}

extension JSONValue {
    /// The beginning of the value, for a message.
    var excerpt: String {
        let text = text()
        return text.count > 200 ? "\(text.prefix(200))…" : text
    }
}
