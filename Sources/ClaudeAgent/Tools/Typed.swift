import Schemas
import Wire

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A type that says itself what its JSON looks like, where that can not be found out from how it decodes.
public typealias SchemaProviding = Schemas.SchemaProviding

/// A type whose properties are explained to the agent.
public typealias SchemaDescribing = Schemas.SchemaDescribing

/// Swift types as JSON and back.
enum Typed {
    static func schema<Value: Decodable>(of type: Value.Type) throws(AgentError) -> JSONValue {
        do {
            return try JSONSchema.document(for: type)
        } catch {
            throw AgentError(.badSchema, error.message, cause: error.cause)
        }
    }

    static func compile(_ document: JSONValue) throws(AgentError) -> JSONSchema {
        do {
            return try JSONSchema(document)
        } catch {
            throw AgentError(.badSchema, "The schema can not be used: \(error.message)", cause: error.cause)
        }
    }

    /// A date is the text that the schema asks for.
    static func decode<Value: Decodable>(_ type: Value.Type, from json: JSONValue) throws -> Value {
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(type, from: Data(json.encoded()))
    }
}
