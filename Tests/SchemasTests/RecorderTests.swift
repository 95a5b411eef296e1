import Foundation
import Schemas
import Testing
import Wire

@Suite struct `a recorded schema` {
    enum Severity: String, Codable, CaseIterable { case low, high }
    enum Level: Int, Codable, CaseIterable { case one = 1, two }
    enum Open: String, Codable { case a }
    enum Payload: Codable { case a(Int), b }

    struct Line: Codable {
        let number: Int
        let text: String?
    }

    struct Everything: Codable {
        let flag: Bool
        let count: Int
        let small: UInt8
        let ratio: Double
        let name: String
        let when: Date
        let id: UUID
        let link: URL
        let blob: Data
        let severity: Severity
        let level: Level?
        let lines: [Line]
        let matrix: [[Int]]
        let tags: Set<String>
        let counts: [String: Int]
        let holes: [Int?]
        let note: String?
        let maybe: Bool?
        let size: Int?
        let wide: UInt64?
        let single: Float?
        let nested: Line
        let optionalNested: Line?
        let anything: JSONValue

        enum CodingKeys: String, CodingKey {
            case flag, count, small, ratio, name, when, id, link, blob, severity, level, lines, matrix, tags, counts,
                holes, note
            case maybe, size, wide, single, nested, anything
            case optionalNested = "optional_nested"
        }
    }

    @Test func `knows every kind of property`() throws {
        let document = try JSONSchema.document(for: Everything.self)
        let line: JSONValue = [
            "type": "object", "properties": ["number": ["type": "integer"], "text": ["type": "string"]],
            "required": ["number"], "additionalProperties": false,
        ]
        let expected: [String: JSONValue] = [
            "flag": ["type": "boolean"], "count": ["type": "integer"],
            "small": ["type": "integer", "minimum": 0, "maximum": 255], "ratio": ["type": "number"],
            "name": ["type": "string"], "when": ["type": "string", "format": "date-time"],
            "id": ["type": "string", "format": "uuid"], "link": ["type": "string", "format": "uri"],
            "blob": ["type": "string", "contentEncoding": "base64"],
            "severity": ["type": "string", "enum": ["low", "high"]], "level": ["type": "integer", "enum": [1, 2]],
            "lines": ["type": "array", "items": line],
            "matrix": ["type": "array", "items": ["type": "array", "items": ["type": "integer"]]],
            "tags": ["type": "array", "items": ["type": "string"], "uniqueItems": true],
            "counts": ["type": "object", "additionalProperties": ["type": "integer"]],
            "holes": ["type": "array", "items": ["anyOf": [["type": "integer"], ["type": "null"]]]],
            "note": ["type": "string"], "maybe": ["type": "boolean"], "size": ["type": "integer"],
            "wide": ["type": "integer", "minimum": 0], "single": ["type": "number"], "nested": line,
            "optional_nested": line, "anything": true,
        ]
        for (name, schema) in expected { #expect(document["properties"]?[name] == schema, "\(name)") }
        #expect(document["properties"]?.object?.count == expected.count)
        #expect(document["additionalProperties"] == false)
        let optional: Set = ["level", "note", "maybe", "size", "wide", "single", "optional_nested"]
        #expect(
            document["required"]?.array?.compactMap(\.string)
                == expected.keys.filter { !optional.contains($0) }.sorted()
        )
    }

    @Test func `accepts what the type encodes to`() throws {
        let value = [Line(number: 1, text: "x"), Line(number: 2, text: nil)]
        let schema = try JSONSchema(try JSONSchema.document(for: [Line].self))
        #expect(schema.validate(try JSONValue(encoding: value)).isEmpty)
        #expect(schema.validate([["number": "1"]]).map(\.message) == [#"/0/number: expected integer, got string "1""#])
    }

    final class Tree: Codable {
        let name: String
        let children: [Tree]
        let parent: Tree?
    }

    struct Forest: Codable { let trees: [Tree], oldest: Tree? }
    struct Loop: Codable { let tree: Tangle }
    final class Tangle: Codable { let tangle: Tangle }

    @Test func `refers back where a type contains itself`() throws {
        let document = try JSONSchema.document(for: Tree.self)
        #expect(document["properties"]?["children"]?["items"] == ["$ref": "#"])
        let forest = try JSONSchema(try JSONSchema.document(for: Forest.self))
        #expect(forest.document["properties"]?["trees"]?["items"] == ["$ref": "#/$defs/Tree"])
        let leaf: JSONValue = ["name": "a", "children": []]
        #expect(forest.validate(["trees": [["name": "b", "children": [leaf]]], "oldest": leaf]).isEmpty)
        #expect(forest.validate(["trees": [["name": "b", "children": [["name": 1, "children": []]]]]]).count == 1)
    }

    struct Described: Codable, SchemaDescribing {
        let summary: String
        static let schemaDescriptions = ["summary": "One paragraph"]
    }

    struct Port: Codable, SchemaProviding {
        let number: Int
        init(from decoder: any Decoder) throws {
            number = try decoder.singleValueContainer().decode(Int.self)
            guard number > 0 else {
                throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no port"))
            }
        }
        static let jsonSchema: JSONValue = ["type": "integer", "minimum": 1, "examples": [80]]
    }

    struct Host: Codable { let port: Port, others: [Port]? }

    @Test func `takes a type's own words`() throws {
        #expect(
            try JSONSchema.document(for: Described.self)["properties"]?["summary"]
                == ["type": "string", "description": "One paragraph"]
        )
        let host = try JSONSchema.document(for: Host.self)
        #expect(host["properties"]?["port"] == Port.jsonSchema)
        #expect(host["properties"]?["others"]?["items"] == Port.jsonSchema)
    }

    struct Pair: Decodable {
        init(from decoder: any Decoder) throws {
            var items = try decoder.unkeyedContainer()
            _ = try items.decode(String.self)
            _ = try items.decode(Int.self)
        }
    }

    struct Name: RawRepresentable, Codable {
        let rawValue: String
    }

    @Test func `follows a decoder written by hand`() throws {
        #expect(
            try JSONSchema.document(for: Pair.self)
                == [
                    "type": "array", "prefixItems": [["type": "string"], ["type": "integer"]], "items": false,
                    "minItems": 2,
                ]
        )
        #expect(try JSONSchema.document(for: Name.self) == ["type": "string"])
        #expect(try JSONSchema.document(for: Severity.self) == ["type": "string", "enum": ["low", "high"]])
    }

    struct HasOpen: Codable { let inner: [Open] }
    struct HasPayload: Codable { let inner: Payload }
    struct HasKeys: Codable { let inner: [Date: Int] }

    @Test func `cannot be made of some types, and says which and why`() {
        func message(_ type: (some Decodable).Type) -> String {
            #expect(throws: JSONSchemaError.self) { try JSONSchema.document(for: type) }?.message ?? ""
        }
        #expect(
            message(HasOpen.self)
                == "No schema can be recorded from the type 'Open' at 'inner', since it accepts only certain "
                + "values; conform it to CaseIterable or SchemaProviding"
        )
        #expect(message(HasPayload.self).contains("'Payload' at 'inner'"))
        #expect(message(HasKeys.self).contains("keys are neither String nor Int"))
        #expect(message(Loop.self).contains("'Tangle' at 'tree.tangle', since it contains itself"))
    }
}
