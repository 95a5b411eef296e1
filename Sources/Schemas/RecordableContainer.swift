import Wire

/// A type whose schema follows from the types in it, and which has an empty value.
protocol RecordableContainer {
    static func schema(by recorder: SchemaRecorder, at path: [any CodingKey]) throws -> JSONValue
    static var empty: Self { get }
}

extension Optional: RecordableContainer where Wrapped: Decodable {
    static func schema(by recorder: SchemaRecorder, at path: [any CodingKey]) throws -> JSONValue {
        ["anyOf": [try recorder.schema(of: Wrapped.self, at: path), ["type": "null"]]]
    }

    static var empty: Self { nil }
}

extension Array: RecordableContainer where Element: Decodable {
    static func schema(by recorder: SchemaRecorder, at path: [any CodingKey]) throws -> JSONValue {
        ["type": "array", "items": try recorder.schema(of: Element.self, at: path)]
    }

    static var empty: Self { [] }
}

extension Set: RecordableContainer where Element: Decodable {
    static func schema(by recorder: SchemaRecorder, at path: [any CodingKey]) throws -> JSONValue {
        ["type": "array", "items": try recorder.schema(of: Element.self, at: path), "uniqueItems": true]
    }

    static var empty: Self { [] }
}

extension Dictionary: RecordableContainer where Key: Decodable, Value: Decodable {
    static func schema(by recorder: SchemaRecorder, at path: [any CodingKey]) throws -> JSONValue {
        let values = try recorder.schema(of: Value.self, at: path)
        switch Key.self {
        case is String.Type: return ["type": "object", "additionalProperties": values]
        case is Int.Type:
            return ["type": "object", "propertyNames": ["pattern": "^-?[0-9]+$"], "additionalProperties": values]
        default:
            throw recorder.refusal(of: Self.self, at: path, because: "its keys are neither String nor Int")
        }
    }

    static var empty: Self { [:] }
}
