import Schemas
import Testing
import Wire

@Suite struct `a degenerate result` {
    static let schema: JSONValue = [
        "type": "object", "title": "Findings", "description": "What the review found",
        "properties": [
            "summary": [
                "type": "string", "description": "One paragraph about the code.", "examples": ["The code is fine"],
            ],
            "severity": ["enum": ["low", "high", "test"]],
            "issues_found": ["type": "integer"],
            "recommendations": ["type": "array", "items": ["$ref": "#/$defs/text"]],
        ],
        "$defs": ["text": ["type": "string", "description": "A recommendation", "default": "Do nothing"]],
        "examples": [["summary": "Two races in the pool", "issues_found": 2]],
    ]

    static let table: [(result: String, words: String?)] = [
        (#"{"summary": ""}"#, "'/summary' is empty"),
        (#"{"summary": " \n"}"#, "is empty"),
        (#"{"summary": "Test."}"#, #"'/summary' is the placeholder "Test.""#),
        (#"{"summary": "<string>"}"#, "placeholder"),
        (#"{"summary": "TODO"}"#, "placeholder"),
        (#"{"summary": "N/A"}"#, "placeholder"),
        (#"{"summary": "..."}"#, "placeholder"),
        (#"{"summary": "Lorem ipsum dolor sit amet"}"#, "placeholder"),
        (#"{"summary": "foo", "recommendations": ["bar", ""]}"#, "'/recommendations/1' is empty"),
        (#"{"summary": "one paragraph about the code"}"#, "copy of the schema's description"),
        (#"{"summary": "What the review found"}"#, "copy of the schema's description"),
        (#"{"summary": "Findings"}"#, "copy of the schema's title"),
        (#"{"summary": "The code is fine"}"#, "copy of the schema's example"),
        (#"{"summary": "summary", "recommendations": ["Do nothing"]}"#, "name of its property"),
        (#"{"summary": "", "severity": "high"}"#, "'/summary' is empty"),
        (#"{"summary": "Two races in the pool", "issues_found": 2.0}"#, "the schema's own example"),
        (#"{"summary": "test", "recommendations": ["Lock the pool"]}"#, nil),
        (#"{"summary": "", "recommendations": ["Lock the pool"]}"#, nil),
        (#"{"summary": "The test fails"}"#, nil),
        (#"{"issues_found": 3}"#, nil),
        (#"{"severity": "test"}"#, nil),
        (#"{"recommendations": []}"#, nil),
        ("{}", nil),
    ]

    @Test(arguments: table)
    func `is told from one that says something`(result: String, words: String?) throws {
        let reason = degeneracy(of: try JSONValue(parsing: result), schema: try JSONSchema(Self.schema))
        if let words {
            #expect(reason?.contains(words) == true, "\(reason ?? "no reason")")
        } else {
            #expect(reason == nil)
        }
    }

    @Test func `is recognised at the root and through alternatives`() throws {
        #expect(degeneracy(of: "test", schema: try JSONSchema(["type": "string"])) != nil)
        #expect(degeneracy(of: "-", schema: try JSONSchema(["type": "string"])) == nil)
        let schema = try JSONSchema(["anyOf": [["const": "foo"], ["type": "string"]]])
        #expect(degeneracy(of: "foo", schema: schema) == nil)
        #expect(degeneracy(of: "bar", schema: schema) != nil)
    }

    @Test func `is recognised in a wrapped schema`() throws {
        let tool = try JSONSchema(["type": "array", "items": ["type": "string", "title": "A finding"]]).wrappedForTool()
        #expect(degeneracy(of: ["result": ["a finding"]], schema: tool.schema) != nil)
        #expect(degeneracy(of: ["result": ["A race in the pool"]], schema: tool.schema) == nil)
    }
}
