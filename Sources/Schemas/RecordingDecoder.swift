import Wire

/// What one decoder was asked for.
final class RecordingNotes {
    private enum Kind {
        case nothing
        case value(JSONValue)
        case object
        case list
    }

    private var kind = Kind.nothing
    private var properties: [String: RecordingNotes] = [:]
    private var required: Set<String> = []
    private(set) var items: [RecordingNotes] = []
    /// Whether the reader asked for the end: then it takes as many items as there are.
    var askedForEnd = false

    func beObject() { kind = .object }
    func beList() { kind = .list }
    func be(_ schema: JSONValue) { kind = .value(schema) }

    /// The notes for the property `name`, which is new or was asked for before.
    func property(_ name: String, isRequired: Bool) -> RecordingNotes {
        if isRequired { required.insert(name) }
        let notes = properties[name] ?? RecordingNotes()
        properties[name] = notes
        return notes
    }

    func nextItem() -> RecordingNotes {
        items.append(RecordingNotes())
        return items[items.count - 1]
    }

    func schema(describedBy descriptions: [String: String] = [:]) -> JSONValue {
        switch kind {
        case .nothing: return true
        case .value(let schema): return schema
        case .object:
            var members: [String: JSONValue] = [:]
            for (name, notes) in properties {
                var schema = notes.schema()
                if let text = descriptions[name] {
                    var keywords = schema.object ?? [:]
                    keywords["description"] = .string(text)
                    schema = .object(keywords)
                }
                members[name] = schema
            }
            var schema: [String: JSONValue] = [
                "type": "object", "properties": .object(members), "additionalProperties": false,
            ]
            if !required.isEmpty { schema["required"] = .array(required.sorted().map(JSONValue.string)) }
            return .object(schema)
        case .list:
            let schemas = items.map { $0.schema() }
            if askedForEnd || schemas.isEmpty { return ["type": "array", "items": schemas.first ?? true] }
            return [
                "type": "array", "prefixItems": .array(schemas), "items": false,
                "minItems": .integer(Int64(schemas.count)),
            ]
        }
    }
}

/// A decoder that has no input: it answers each question with an empty value and takes a note of it.
struct RecordingDecoder: Decoder {
    let recorder: SchemaRecorder
    let notes: RecordingNotes
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        notes.beObject()
        return KeyedDecodingContainer(RecordingKeyedContainer(decoder: self))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        notes.beList()
        return RecordingUnkeyedContainer(decoder: self)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        RecordingSingleValueContainer(decoder: self)
    }

    /// The decoder for a part of what this one decodes.
    func nested(_ notes: RecordingNotes, at key: any CodingKey) -> RecordingDecoder {
        RecordingDecoder(recorder: recorder, notes: notes, codingPath: codingPath + [key])
    }

    /// Notes what `type` looks like, and answers with an empty one.
    func record<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let recorded = try recorder.record(type, at: codingPath)
        notes.be(recorded.schema)
        return try recorded.value()
    }
}

struct RecordingSingleValueContainer: SingleValueDecodingContainer {
    let decoder: RecordingDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }

    func decodeNil() -> Bool { false }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try decoder.record(type) }
    func decode(_ type: Bool.Type) throws -> Bool { try decoder.record(type) }
    func decode(_ type: String.Type) throws -> String { try decoder.record(type) }
    func decode(_ type: Double.Type) throws -> Double { try decoder.record(type) }
    func decode(_ type: Float.Type) throws -> Float { try decoder.record(type) }
    func decode(_ type: Int.Type) throws -> Int { try decoder.record(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try decoder.record(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try decoder.record(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try decoder.record(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try decoder.record(type) }
    func decode(_ type: Int128.Type) throws -> Int128 { try decoder.record(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try decoder.record(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try decoder.record(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try decoder.record(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try decoder.record(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try decoder.record(type) }
    func decode(_ type: UInt128.Type) throws -> UInt128 { try decoder.record(type) }
}

struct RecordingUnkeyedContainer: UnkeyedDecodingContainer {
    let decoder: RecordingDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { nil }
    var currentIndex: Int { decoder.notes.items.count }

    /// One item is enough to know them all.
    var isAtEnd: Bool {
        decoder.notes.askedForEnd = true
        return !decoder.notes.items.isEmpty
    }

    private var next: RecordingDecoder {
        decoder.nested(decoder.notes.nextItem(), at: RecordingIndex(intValue: currentIndex))
    }

    mutating func decodeNil() throws -> Bool { false }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next.record(type) }
    mutating func decode(_ type: Bool.Type) throws -> Bool { try next.record(type) }
    mutating func decode(_ type: String.Type) throws -> String { try next.record(type) }
    mutating func decode(_ type: Double.Type) throws -> Double { try next.record(type) }
    mutating func decode(_ type: Float.Type) throws -> Float { try next.record(type) }
    mutating func decode(_ type: Int.Type) throws -> Int { try next.record(type) }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try next.record(type) }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try next.record(type) }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try next.record(type) }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try next.record(type) }
    mutating func decode(_ type: Int128.Type) throws -> Int128 { try next.record(type) }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try next.record(type) }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next.record(type) }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next.record(type) }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next.record(type) }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next.record(type) }
    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try next.record(type) }

    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try next.container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next.unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { next }
}

/// The place of an item in a path.
struct RecordingIndex: CodingKey {
    let index: Int
    init(intValue: Int) { index = intValue }
    init?(stringValue: String) { nil }
    var intValue: Int? { index }
    var stringValue: String { String(index) }
}
