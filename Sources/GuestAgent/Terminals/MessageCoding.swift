import FoundationEssentials
import Wire

/// Text messages and the values they stand for.
enum MessageCoding {
    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return Array(try encoder.encode(value))
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ text: String) throws(CallError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw CallError(.invalidArgument, "A text message is no \(type): \(error)")
        }
    }
}
