import Schemas
import Testing
import Wire

@Suite struct `a fault` {
    static let table: [(schema: String, instance: String, messages: [String])] = [
        (
            #"{"properties": {"issues_found": {"type": "integer"}}}"#, #"{"issues_found": "2"}"#,
            [#"/issues_found: expected integer, got string "2""#]
        ),
        (#"{"required": ["summary"]}"#, "{}", ["/: missing required property 'summary'"]),
        (
            #"{"enum": ["low", "medium", "high"]}"#, #""hgh""#,
            [#"/: expected one of "low", "medium", "high", got string "hgh"; did you mean "high"?"#]
        ),
        (
            #"{"properties": {"summary": true, "issues": true}, "additionalProperties": false}"#, #"{"sumary": 1}"#,
            ["/: unexpected property 'sumary'; did you mean 'summary'?"]
        ),
        (
            #"{"properties": {"summary": true, "issues": true}, "additionalProperties": false}"#, #"{"verdict": 1}"#,
            ["/: unexpected property 'verdict'; allowed are 'issues', 'summary'"]
        ),
        (#"{"items": {"minimum": 3}}"#, "[4, 2]", ["/1: expected at least 3, got integer 2"]),
        (#"{"type": ["string", "null"]}"#, "[1]", ["/: expected string or null, got array of 1 item"]),
        (#"{"anyOf": [{"type": "string"}, {"type": "null"}]}"#, "1", ["/: expected string or null, got integer 1"]),
        (#"{"minLength": 1}"#, #""""#, ["/: expected a string that is not empty"]),
        (#"{"maxLength": 2}"#, #""abc""#, [#"/: expected at most 2 characters, got 3: "abc""#]),
        (
            #"{"pattern": "^CVE-"}"#, #""x""#,
            [#"/: expected a string that matches the regular expression ^CVE-, got string "x""#]
        ),
        (#"{"const": 1}"#, "2", ["/: expected 1, got integer 2"]),
        (#"{"contains": {"type": "string"}}"#, "[]", ["/: expected at least 1 item fitting 'contains', got 0"]),
        (#"{"uniqueItems": true}"#, "[1, 2, 1.0]", ["/: expected no item twice, but items 0 and 2 are both integer 1"]),
        (#"{"prefixItems": [true], "items": false}"#, "[1, 2]", ["/: expected at most 1 item, got 2"]),
        (#"{"not": {"type": "string"}}"#, #""x""#, [#"/: fits what is not allowed: {"type":"string"}"#]),
        (#"{"properties": {"a/b": {"type": "null"}}}"#, #"{"a/b": true}"#, ["/a~1b: expected null, got boolean true"]),
        (
            #"{"propertyNames": {"maxLength": 1}}"#, #"{"ab": 1}"#,
            [#"/: the property name 'ab' is not allowed: expected at most 1 character, got 2: "ab""#]
        ),
        (
            #"{"oneOf": [{"type": "integer"}, {"minimum": 2}]}"#, "3",
            ["/: fits more than one of the 2 alternatives (number 1 and number 2), but must fit exactly one"]
        ),
        (
            #"{"oneOf": [{"properties": {"kind": {"const": "a"}, "x": {"type": "string"}}}, {"properties": {"kind": {"const": "b"}}}]}"#,
            #"{"kind": "a", "x": 1}"#,
            [
                "/: object with the properties \"kind\", \"x\" fits none of the 2 alternatives of 'oneOf'; the nearest is "
                    + "number 1, which is not met because:",
                "/x: expected string, got integer 1",
            ]
        ),
        ("false", "1", ["/: no value is allowed here, got integer 1"]),
    ]

    @Test(arguments: table)
    func `says what was expected and what was found`(schema: String, instance: String, messages: [String]) throws {
        let schema = try JSONSchema(try JSONValue(parsing: schema))
        #expect(schema.validate(try JSONValue(parsing: instance)).map(\.message) == messages)
    }

    @Test func `names its places in the instance and in the schema`() throws {
        let schema = try JSONSchema(["properties": ["a": ["$ref": "#/$defs/n"]], "$defs": ["n": ["type": "number"]]])
        let fault = try #require(schema.validate(["a": "x"]).first)
        #expect(fault.instancePath == "/a")
        #expect(fault.schemaPath == "/$defs/n/type")
    }

    @Test func `is one of at most twenty, and none is long`() throws {
        let schema = try JSONSchema(["items": ["type": "integer"]])
        let long = JSONValue.string(String(repeating: "x", count: 1_000_000))
        let faults = schema.validate(.array(Array(repeating: long, count: 50)))
        #expect(faults.count == Fault.limit)
        #expect(faults.allSatisfy { $0.message.count < 200 })
    }

    @Test(
        arguments: [
            ("date-time", "2026-01-31T09:30:00Z", "2026-01-31 09:30"), ("date", "2024-02-29", "2023-02-29"),
            ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"), ("uri", "https://a/b?c#d", "a/b"),
        ]
    )
    func `of a format is one only when formats are asserted`(format: String, good: String, bad: String) throws {
        let document: JSONValue = ["format": .string(format)]
        #expect(try JSONSchema(document).validate(.string(bad)).isEmpty)
        let schema = try JSONSchema(document, assertFormats: true)
        #expect(schema.validate(.string(good)).isEmpty)
        #expect(schema.validate(.string(bad)).count == 1)
    }

    @Test func `of a number is exact`() throws {
        #expect(try JSONSchema(["multipleOf": 0.01]).validate(19.99).isEmpty)
        #expect(try JSONSchema(["multipleOf": 0.1]).validate(0.25).count == 1)
        #expect(try JSONSchema(["maximum": 9_007_199_254_740_992]).validate(9_007_199_254_740_993).count == 1)
        #expect(try JSONSchema(["const": 9_007_199_254_740_992]).validate(9_007_199_254_740_993).count == 1)
    }
}

@Suite struct `a pattern` {
    static let table: [(pattern: String, text: String, matches: Bool)] = [
        ("a+", "xxaayy", true), ("^abc$", "abc\n", false), (#"^\d$"#, "٣", false), (#"^\w$"#, "é", false),
        (#"^\s$"#, "\u{FEFF}", true), (#"^\S$"#, " ", false), ("^.$", "🐲", true), ("^.$", "\n", false),
        (#"^\uD83D\uDC32$"#, "🐲", true), ("^🐲*$", "🐲🐲", true), (#"^[\s\S]$"#, "\n", true), ("[^]", "\n", true),
        ("[]", "a", false), (#"^\cC$"#, "\u{3}", true), ("^[[a]$", "[", true), ("^[a&&b]$", "&", true),
        (#"^(a)\1$"#, "aa", true), (#"^(?<n>a)\k<n>$"#, "aa", true), ("^a{2,3}?$", "aaa", true), ("^{$", "{", true),
        ("^e\u{301}$", "é", false), (#"^[\w.-]+@[\w-]+$"#, "a.b-c@d-e", true), (#"^\/$"#, "/", true),
        (#"^\p{Lu}$"#, "É", true), ("^(?!a)b", "b", true), (#"^[\d-x]+$"#, "1-x", true), ("^\r\n$", "\r\n", true),
    ]

    @Test(arguments: table)
    func `means what ECMA-262 says`(pattern: String, text: String, matches: Bool) throws {
        let schema = try JSONSchema(["pattern": .string(pattern)])
        #expect(schema.validate(.string(text)).isEmpty == matches)
    }
}
