import Wire

/// A compiled schema: nodes that point to each other by number, so that recursion in the schema is no cycle in memory.
struct Program: Sendable {
    /// There is at least one, the root.
    var nodes: [Node] = []
    var root = 0
    /// For each schema resource, its `$dynamicAnchor`s.
    var dynamicAnchors: [[String: Int]] = []
    /// Whether any node asks which members and items were already looked at; keeping book costs time.
    var keepsBook = false
}

/// One schema, compiled.
struct Node: Sendable {
    /// Where it is written.
    var place: Place
    /// The schema resource (the part of a document under one `$id`) it belongs to.
    let resource: Int
    /// The schema itself.
    let source: JSONValue
    /// In the order they are applied; `unevaluated…` last.
    var keywords: [Keyword]
}

/// Where a schema is written.
struct Place: Hashable, Sendable {
    /// The document's URI; empty for the document being compiled.
    var document: String
    var pointer: String

    subscript(_ token: String) -> Place {
        Place(document: document, pointer: pointer + "/" + JSONPointer.escaped(token))
    }

    /// The place as messages name it.
    var text: String {
        document.isEmpty ? (pointer.isEmpty ? "/" : pointer) : document + "#" + pointer
    }
}

/// One rule of a schema. Numbers that stand for schemas are places in ``Program/nodes``.
enum Keyword: Sendable {
    /// The schema `false`.
    case never
    case reference(Int)
    case dynamicReference(anchor: String, fallback: Int)

    case type([InstanceType])
    case constant(JSONValue)
    case enumeration([JSONValue])

    case multipleOf(JSONValue)
    case bound(Bound, JSONValue)

    case maxLength(Int)
    case minLength(Int)
    case pattern(Pattern)
    case format(Format)

    case prefixItems([Int])
    case items(Int, after: Int)
    case contains(Int, atLeast: Int, atMost: Int?)
    case maxItems(Int)
    case minItems(Int)
    case uniqueItems
    case unevaluatedItems(Int)

    case properties(PropertyRules)
    case propertyNames(Int)
    case required([String])
    case dependentRequired([Dependent<[String]>])
    case maxProperties(Int)
    case minProperties(Int)
    case unevaluatedProperties(Int)

    case dependentSchemas([Dependent<Int>])
    case allOf([Int])
    case anyOf([Int])
    case oneOf([Int])
    case not(Int)
    case conditional(test: Int, then: Int?, otherwise: Int?)
}

/// `properties`, `patternProperties` and `additionalProperties` of one schema, which are one rule.
struct PropertyRules: Sendable {
    var named: [String: Int] = [:]
    var patterned: [(pattern: Pattern, node: Int)] = []
    var additional: Int?
}

/// Something that holds when an object has the property `name`.
struct Dependent<Rule: Sendable>: Sendable {
    let name: String
    let rule: Rule
}

enum Bound: String, Sendable {
    case maximum, exclusiveMaximum, minimum, exclusiveMinimum
}

enum InstanceType: String, Sendable, CaseIterable {
    case null, boolean, object, array, number, string, integer

    func includes(_ value: JSONValue) -> Bool {
        switch (self, value) {
        case (.null, .null), (.boolean, .bool), (.object, .object), (.array, .array), (.string, .string): true
        case (.number, .integer), (.number, .number), (.integer, .integer): true
        case (.integer, .number(let number)): number.isFinite && number == number.rounded()
        default: false
        }
    }
}

extension Keyword {
    /// The schemas this rule applies to the same instance. `$dynamicRef` is absent: what it leads to is known only when
    /// it runs.
    var inPlace: [Int] {
        switch self {
        case .reference(let node), .not(let node): [node]
        case .allOf(let nodes), .anyOf(let nodes), .oneOf(let nodes): nodes
        case .conditional(let test, let then, let otherwise): [test, then, otherwise].compactMap(\.self)
        case .dependentSchemas(let rules): rules.map(\.rule)
        default: []
        }
    }
}
