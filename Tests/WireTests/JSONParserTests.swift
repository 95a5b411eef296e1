import Foundation
import Testing
import Wire

@Suite struct `a JSON text` {
    static let good: [(text: String, value: JSONValue)] = [
        ("null", .null), (" true ", true), ("-0", 0), ("1.0", 1), ("1e3", 1000), ("1.5", 1.5), ("-12.5E-1", -1.25),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1e-999", 0), ("[]", []), ("{}", [:]),
        ("[1, [2], {}]", [1, [2], [:]]), (#"{"a": 1, "b": [true]}"#, ["a": 1, "b": [true]]),
        (#"{"a": 1, "a": 2}"#, ["a": 2]),
        (#""\"\\\/\b\f\n\r\t\u00e9\uD83D\udc32""#, "\"\\/\u{8}\u{C}\n\r\té🐲"), (#""é🐲 \u0000""#, "é🐲 \0"),
        ("\u{FEFF}[1]", [1]), ("\r\n\t 1", 1), (#"{"": ""}"#, ["": ""]),
    ]

    @Test(arguments: good)
    func `is read`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == value)
    }

    static let bad: [(text: String, message: String)] = [
        ("", "Line 1, column 1 is no JSON: the text ends where a value should be"),
        ("{\n  \"é\": tru\n}", "Line 2, column 8 is no JSON: here should be a value"),
        ("[1,]", "Line 1, column 4 is no JSON: here should be a value"),
        ("[1 2]", "Line 1, column 4 is no JSON: here should be a ',' or a ']'"),
        (#"{"a": 1,}"#, "Line 1, column 9 is no JSON: here should be a name in double quotes"),
        (#"{'a': 1}"#, "Line 1, column 2 is no JSON: here should be a name in double quotes"),
        (#"{"a" 1}"#, "Line 1, column 6 is no JSON: here should be a ':'"),
        (#"{"a": 1"#, "Line 1, column 8 is no JSON: here should be a ',' or a '}'"),
        ("[1, 1e999]", "Line 1, column 5 is no JSON: the number 1e999 is too large"),
        ("01", "Line 1, column 2 is no JSON: a number does not begin with 0"),
        ("1.", "Line 1, column 3 is no JSON: here should be a digit"),
        ("-", "Line 1, column 2 is no JSON: here should be a digit"),
        ("1e+", "Line 1, column 4 is no JSON: here should be a digit"),
        ("+1", "Line 1, column 1 is no JSON: here should be a value"),
        ("NaN", "Line 1, column 1 is no JSON: here should be a value"),
        ("1 1", "Line 1, column 3 is no JSON: there is more text after the end of the document"),
        (#""a"#, "Line 1, column 3 is no JSON: the text ends inside a string"),
        ("\"a\nb\"", "Line 1, column 3 is no JSON: a control character in a string must be escaped, as in \\n"),
        (#""\x""#, "Line 1, column 3 is no JSON: this escape does not exist in JSON"),
        (#""\u12g4""#, "Line 1, column 6 is no JSON: '\\u' needs four hexadecimal digits"),
        (#""\ud800x""#, "Line 1, column 8 is no JSON: half a surrogate pair is no character"),
    ]

    @Test(arguments: bad)
    func `is refused by line and column`(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
        #expect(error?.message == message)
    }

    @Test func `of other bytes than UTF-8 is refused`() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] {
            let error = #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
            #expect(error?.message == "Line 1, column 2 is no JSON: this string is not UTF-8")
        }
    }

    @Test func `is read to a depth of 512`() {
        func nest(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(throws: Never.self) { try JSONValue(parsing: nest(512)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: nest(513)) }
        #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 100_000)) }
    }

    /// Every beginning of a document ends too early, and none brings the reader down.
    @Test func `cut anywhere is refused`() {
        let text = Array(#"{"a": [1.5e3, "é\n🐲", true, null, {"b": -0}]}"#.utf8)
        #expect(throws: Never.self) { try JSONValue(parsing: text) }
        for end in text.indices { #expect(throws: JSONError.self) { try JSONValue(parsing: text[..<end]) } }
    }

    @Test(arguments: good)
    func `is written so that it reads the same`(text: String, value: JSONValue) throws {
        #expect(try JSONValue(parsing: value.encoded()) == value)
    }

    @Test func `inside a typed value keeps the place of its fault`() {
        struct Holder: Decodable { let value: JSONValue }
        let error = #expect(throws: DecodingError.self) {
            try JSONDecoder().decode(Holder.self, from: Data(#"{"value": [1, 1e999]}"#.utf8))
        }
        #expect(error.map { "\($0)".contains("found an array") } == false)
    }
}
