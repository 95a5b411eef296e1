import Schemas
import Testing
import Wire

@Suite struct `a schema for a tool` {
    @Test func `that is an object stays as it is`() throws {
        let tool = try JSONSchema(["type": "object"]).wrappedForTool()
        #expect(!tool.isWrapped)
        #expect(tool.schema.document == ["type": "object"])
    }

    static let table: [(schema: String, good: String, bad: String)] = [
        (##"{"type": "array", "items": {"type": "integer"}}"##, "[1]", ##"["x"]"##),
        (##"{"type": ["object"]}"##, "{}", "1"),
        (##"{"$ref": "#/$defs/a~0b%25", "$defs": {"a~b%": {"type": "integer"}}}"##, "1", ##""x""##),
        (##"{"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}"##, "[[1]]", ##"[["x"]]"##),
        (
            ##"{"$id": "https://a/b", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": {"type": "integer"}}}"##, "[1]",
            ##"["x"]"##
        ),
        (##"{"$ref": "#n", "$defs": {"n": {"$anchor": "n", "type": "integer"}}}"##, "1", ##""x""##),
        (##"{"$dynamicRef": "#n", "$defs": {"n": {"$dynamicAnchor": "n", "type": "integer"}}}"##, "1", ##""x""##),
        (
            ##"{"items": {"$ref": "item"}, "$defs": {"i": {"$id": "item", "$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}}}"##,
            "[1]", ##"["x"]"##
        ),
        (
            ##"{"$schema": "https://json-schema.org/draft/2020-12/schema", "const": {"$ref": "#"}}"##,
            ##"{"$ref": "#"}"##, "1"
        ),
    ]

    @Test(arguments: table)
    func `wraps any other, and its references still lead where they led`(schema: String, good: String, bad: String)
        throws
    {
        let inner = try JSONSchema(try JSONValue(parsing: schema))
        let tool = inner.wrappedForTool()
        #expect(tool.isWrapped)
        #expect(tool.schema.document["type"] == "object")
        let good: JSONValue = ["result": try JSONValue(parsing: good)]
        let bad: JSONValue = ["result": try JSONValue(parsing: bad)]
        // The program that was wrapped, and the document that was written, compiled by itself, agree.
        for schema in [tool.schema, try JSONSchema(tool.schema.document)] {
            #expect(schema.validate(good) == [])
            #expect(schema.validate(bad).first?.instancePath.hasPrefix("/result") == true)
            #expect(schema.validate([:]).map(\.message) == ["/: missing required property 'result'"])
            #expect(
                schema.validate(["result": good["result"] ?? .null, "more": 1]).first?.message.contains("'more'")
                    == true
            )
        }
        #expect(tool.schema.validate(bad) == (try JSONSchema(tool.schema.document)).validate(bad))
    }

    @Test func `wraps a boolean`() throws {
        let tool = try JSONSchema(true).wrappedForTool()
        #expect(tool.schema.validate(["result": 1]).isEmpty)
        #expect(tool.schema.validate(1).map(\.message) == ["/: expected object, got integer 1"])
    }

    @Test func `wraps only once`() throws {
        #expect(!(try JSONSchema(["type": "string"]).wrappedForTool().schema.wrappedForTool().isWrapped))
    }
}
