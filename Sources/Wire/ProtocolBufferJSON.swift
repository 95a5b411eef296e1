import FoundationEssentials

// Clients of E2B write messages as protocol buffers do in JSON. That form may be spelled in more ways than `Codable` would
// accept: https://protobuf.dev/programming-guides/json/

extension KeyedDecodingContainer {
    /// Reads text; absent or null is empty.
    func text(_ key: Key) throws -> String { try decodeIfPresent(String.self, forKey: key) ?? "" }

    /// Reads an integer written as a number or as text; nil when it is absent or null.
    func integer<Value: FixedWidthInteger & Decodable>(_ key: Key) throws -> Value? {
        guard let text = try? decodeIfPresent(String.self, forKey: key) else {
            return try decodeIfPresent(Value.self, forKey: key)
        }
        guard let value = Value(text) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "'\(text)' is no integer")
        }
        return value
    }

    /// Reads bytes in base64, of either alphabet, padded or not; nil when they are absent or null.
    func bytes(_ key: Key) throws -> Data? {
        guard let text = try decodeIfPresent(String.self, forKey: key) else { return nil }
        var digits = text.utf8.map { digit -> UInt8 in
            switch digit {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: digit
            }
        }
        while digits.count % 4 != 0 { digits.append(UInt8(ascii: "=")) }
        guard let bytes = Data(base64Encoded: Data(digits)) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: self, debugDescription: "this is no base64")
        }
        return bytes
    }
}

/// The names of a message's fields: each is accepted in camel case and as it stands in the protocol's definition.
struct FieldName: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { nil }
}
