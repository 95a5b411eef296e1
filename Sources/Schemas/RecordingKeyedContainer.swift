import Wire

/// Notes the properties a type asks for.
///
/// Every overload is written out: the ones the standard library adds by itself would ask `decodeNil` first and never say
/// that the property is optional.
struct RecordingKeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: RecordingDecoder
    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) throws -> Bool { false }

    private func part(_ key: any CodingKey, isRequired: Bool = true) -> RecordingDecoder {
        decoder.nested(decoder.notes.property(key.stringValue, isRequired: isRequired), at: key)
    }

    /// Notes an optional property; it is left out, so that a type may contain itself this way.
    private func skip<Value: Decodable>(_ type: Value.Type, _ key: Key) throws -> Value? {
        let part = part(key, isRequired: false)
        part.notes.be(try decoder.recorder.schema(of: type, at: part.codingPath))
        return nil
    }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try part(key).record(type) }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try part(key).record(type) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try part(key).record(type) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try part(key).record(type) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try part(key).record(type) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try part(key).record(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try part(key).record(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try part(key).record(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try part(key).record(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try part(key).record(type) }
    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try part(key).record(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try part(key).record(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try part(key).record(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try part(key).record(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try part(key).record(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try part(key).record(type) }
    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try part(key).record(type) }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? { try skip(type, key) }
    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? { try skip(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? { try skip(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? { try skip(type, key) }
    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? { try skip(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? { try skip(type, key) }
    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? { try skip(type, key) }
    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? { try skip(type, key) }
    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? { try skip(type, key) }
    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? { try skip(type, key) }
    func decodeIfPresent(_ type: Int128.Type, forKey key: Key) throws -> Int128? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? { try skip(type, key) }
    func decodeIfPresent(_ type: UInt128.Type, forKey key: Key) throws -> UInt128? { try skip(type, key) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try part(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try part(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { part(RecordingName(stringValue: "super")) }
    func superDecoder(forKey key: Key) throws -> any Decoder { part(key) }
}

/// The name of a property no type has a key for.
struct RecordingName: CodingKey {
    let stringValue: String
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
    var intValue: Int? { nil }
}
