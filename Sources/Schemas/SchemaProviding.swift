import Wire

/// A type that says itself what its JSON looks like, where recording cannot find out or would say too little.
public protocol SchemaProviding {
    /// The schema. When the type is used as a plain property (not optional, no list), a first value of `enum`, `examples`,
    /// or a `const` or `default` in it lets the enclosing type be recorded.
    static var jsonSchema: JSONValue { get }
}

/// A type whose properties are explained to whoever fills them in.
public protocol SchemaDescribing {
    /// A `description` for each property, by its name in JSON.
    static var schemaDescriptions: [String: String] { get }
}

extension JSONSchema {
    /// The schema of the JSON that `type` decodes from, found by letting it decode from a recorder.
    ///
    /// Structs become objects without further properties, in which every property is required that is not optional; lists,
    /// sets, maps with keys of `String` or `Int`, `CaseIterable` enums with raw values, and types that contain
    /// themselves are understood; `Date`, `UUID`, `URL` and `Data` become strings with a format. A `Date` is an RFC 3339
    /// text, so decode with the `.iso8601` strategy.
    ///
    /// - Throws: ``JSONSchemaError`` that names the type, and the property that led to it, for a type whose `init(from:)`
    ///   looks at the values it gets: conform such a type to ``SchemaProviding``.
    package static func document<Value: Decodable>(for type: Value.Type) throws(JSONSchemaError) -> JSONValue {
        try SchemaRecorder().document(for: type)
    }
}
