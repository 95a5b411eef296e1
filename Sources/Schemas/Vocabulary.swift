/// The groups of keywords a schema may use, chosen by its `$schema`.
struct Vocabulary: OptionSet, Sendable {
    let rawValue: Int

    static let applicator = Vocabulary(rawValue: 1)
    static let unevaluated = Vocabulary(rawValue: 2)
    static let validation = Vocabulary(rawValue: 4)
    static let formatAssertion = Vocabulary(rawValue: 8)
    /// The schema says that it follows an older draft.
    static let older = Vocabulary(rawValue: 16)
    static let standard: Vocabulary = [.applicator, .unevaluated, .validation]

    private static let prefix = "https://json-schema.org/draft/2020-12/vocab/"

    /// The group of that URI; an empty set when it is known and says nothing about validity, nil when it is unknown.
    static func named(_ uri: String) -> Vocabulary? {
        guard uri.hasPrefix(prefix) else { return nil }
        switch uri.dropFirst(prefix.count) {
        case "applicator": return .applicator
        case "unevaluated": return .unevaluated
        case "validation": return .validation
        case "format-assertion": return .formatAssertion
        case "core", "format-annotation", "meta-data", "content": return []
        default: return nil
        }
    }

    /// Drafts whose schemas are read by the rules of 2020-12: what changed its meaning since is refused where it stands.
    static let olderDrafts: Set<String> = [
        "http://json-schema.org/schema", "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-07/schema", "https://json-schema.org/draft/2019-09/schema",
    ]
}

/// How the value of a keyword holds schemas.
enum SubschemaShape {
    case one
    case list
    case map

    /// The shape of `keyword` under `vocabulary`, or nil when it holds no schemas.
    static func of(_ keyword: String, under vocabulary: Vocabulary) -> SubschemaShape? {
        switch keyword {
        case "$defs", "definitions": .map
        case "properties", "patternProperties", "dependentSchemas": vocabulary.contains(.applicator) ? .map : nil
        case "allOf", "anyOf", "oneOf", "prefixItems": vocabulary.contains(.applicator) ? .list : nil
        case "items", "contains", "additionalProperties", "propertyNames", "if", "then", "else", "not":
            vocabulary.contains(.applicator) ? .one : nil
        case "unevaluatedItems", "unevaluatedProperties": vocabulary.contains(.unevaluated) ? .one : nil
        case "contentSchema": .one
        default: nil
        }
    }
}
