import Schemas
import Testing
import Wire

@Suite struct `a bad schema` {
    static let table: [(schema: String, pointer: String, words: String)] = [
        (##"{"properties": {"age": {"type": "strng"}}}"##, "/properties/age/type", "did you mean 'string'?"),
        (##"{"type": []}"##, "/type", "an empty array, but must be the name of a type"),
        (##"{"type": ["string", "string"]}"##, "/type/1", "not yet in the list"),
        (##"{"minLength": -1}"##, "/minLength", "integer -1, but must be a whole number, 0 or more"),
        (##"{"minItems": 1.5}"##, "/minItems", "number 1.5"),
        (##"{"multipleOf": 0}"##, "/multipleOf", "a number above 0"),
        (##"{"maximum": "9"}"##, "/maximum", ##"string "9", but must be a number"##),
        (##"{"required": true}"##, "/required", "boolean true, but must be a list of property names"),
        (##"{"required": ["a", "a"]}"##, "/required/1", "not yet in the list"),
        (##"{"enum": "a"}"##, "/enum", "a list of values"),
        (##"{"items": [{}]}"##, "/items", "'prefixItems'"),
        (##"{"anyOf": []}"##, "/anyOf", "a list of at least one schema"),
        (##"{"properties": {"a/b": 3}}"##, "/properties/a~1b", "integer 3, but a schema is an object or a boolean"),
        (##"{"properties": []}"##, "/properties", "an object whose members are schemas"),
        (##"{"pattern": "^(abc]"}"##, "/pattern", "a '(' is not closed"),
        (##"{"pattern": "(?<=a)b"}"##, "/pattern", "look-behind is not supported"),
        (##"{"patternProperties": {"a{2,1}": true}}"##, "/patternProperties/a{2,1}", "in the wrong order"),
        (##"{"$ref": "#/$defs/persn", "$defs": {"person": {}}}"##, "/$ref", "did you mean '#/$defs/person'?"),
        (##"{"items": {"$ref": "other.json"}}"##, "/items/$ref", "nothing is fetched"),
        (##"{"$defs": {"unused": {"uniqueItems": 1}}}"##, "/$defs/unused/uniqueItems", "true or false"),
        (##"{"$anchor": "1"}"##, "/$anchor", "begins with a letter"),
        (##"{"$id": "http://a/#b"}"##, "/$id", "without a fragment"),
        (##"{"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}"##, "/$defs/b/$anchor", "already called"),
        (##"{"$schema": "https://example.org/mine"}"##, "/$schema", "not known"),
        (
            ##"{"$schema": "http://json-schema.org/draft-07/schema#", "dependencies": {}}"##, "/dependencies",
            "older draft"
        ),
        (##"{"dependentRequired": {"a": ["b", 1]}}"##, "/dependentRequired/a/1", "a property name"),
        (##"{"title": 1}"##, "/title", "a string"),
        (##""string""##, "", "a schema is an object or a boolean"),
    ]

    @Test(arguments: table)
    func `is refused at the place of the fault`(schema: String, pointer: String, words: String) throws {
        let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(try JSONValue(parsing: schema)) }
        #expect(error?.pointer == pointer)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `reads as a whole sentence`() {
        let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(["properties": ["age": ["type": "strng"]]]) }
        #expect(
            error?.message
                == "'/properties/age/type' is 'strng', which is no JSON Schema type; use one of 'null', 'boolean', "
                + "'object', 'array', 'number', 'string', 'integer'; did you mean 'string'?"
        )
    }

    @Test(
        arguments: [
            ##"{"$ref": "#"}"##,
            ##"{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}"##,
            ##"{"allOf": [{"anyOf": [{"not": {"$ref": "#"}}]}]}"##,
            ##"{"$defs": {"a": {"if": {"$ref": "#/$defs/a"}}}}"##,
        ]
    )
    func `that leads back to itself is refused`(schema: String) throws {
        let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(try JSONValue(parsing: schema)) }
        #expect(error?.code == .endlessReference)
    }

    @Test func `may contain itself by way of a property`() throws {
        let schema = try JSONSchema(["properties": ["next": ["$ref": "#"]], "additionalProperties": false])
        #expect(schema.validate(["next": ["next": [:]]]).isEmpty)
        #expect(schema.validate(["next": ["nxt": [:]]]).map(\.instancePath) == ["/next"])
    }

    @Test func `of an older draft is read where the drafts agree`() throws {
        let schema = try JSONSchema([
            "$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a",
            "definitions": ["a": ["type": "integer"]],
        ])
        #expect(!schema.validate("x").isEmpty)
    }
}

@Suite struct `a hostile schema` {
    @Test func `nested without end is refused`() {
        var document: JSONValue = true
        for _ in 0..<400 { document = ["not": document] }
        let error = #expect(throws: JSONSchemaError.self) { try JSONSchema(document) }
        #expect(error?.code == .tooLarge)
    }

    @Test func `with a long chain of references compiles, and is given up when it is applied`() throws {
        var definitions: [String: JSONValue] = ["n5000": ["type": "integer"]]
        for number in 0..<5000 { definitions["n\(number)"] = ["$ref": .string("#/$defs/n\(number + 1)")] }
        let schema = try JSONSchema(["$ref": "#/$defs/n0", "$defs": .object(definitions)])
        #expect(
            schema.validate(1).map(\.message) == [
                "/: the value or its schema is nested too deep to be checked; make it flatter"
            ]
        )
    }

    @Test func `that doubles the work at each step is given up`() throws {
        var definitions: [String: JSONValue] = ["n40": true]
        for number in 0..<40 {
            let next: JSONValue = ["$ref": .string("#/$defs/n\(number + 1)")]
            definitions["n\(number)"] = ["allOf": [next, next]]
        }
        let schema = try JSONSchema(["$ref": "#/$defs/n0", "$defs": .object(definitions)])
        #expect(schema.validate(1).last?.message.contains("given up") == true)
    }

    @Test func `whose dynamic references turn in a circle is given up`() throws {
        let schema = try JSONSchema(["$dynamicAnchor": "me", "$dynamicRef": "#me"])
        #expect(schema.validate(1).last?.message.contains("nested too deep") == true)
    }

    @Test func `with a deeply nested expression is refused`() {
        let groups = String(repeating: "(", count: 5000) + String(repeating: ")", count: 5000)
        #expect(throws: JSONSchemaError.self) { try JSONSchema(["pattern": .string(groups)]) }
    }

    @Test func `does not take a deep value down`() throws {
        var value: JSONValue = []
        for _ in 0..<500 { value = [value] }
        let schema = try JSONSchema(["items": ["$ref": "#"]])
        #expect(schema.validate(value).last?.message.contains("nested too deep") == true)
    }
}
