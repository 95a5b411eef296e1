import Testing
import Wire

@testable import ScriptedModel

@Suite struct `a capture` {
    private static let listing = "./a.py\n./b/c.py  \n\n./notes.txt\n"
    private static let json = #"{"a/b": {"n": 3, "list": ["x", "y", "z"]}, "t": "one\ntwo"}"#

    private func value(_ capture: JSONValue, of result: String) throws -> JSONValue {
        try Capture(Placed(value: capture, place: "capture.x"), toolCounts: [1]).value(from: result)
    }

    @Test(
        arguments: [
            ([:], "  some text \n", "some text"),
            (["trim": false], " x\n", " x\n"),
            (["pattern": #"^(.*)\.py"#], listing, "./a"),
            (["pattern": #"\.\w+$"#], listing, ".py"),
            (["pattern": #"^(.*\.py)"#, "all": true], listing, ["./a.py", "./b/c.py"]),
            (["pattern": #"^(.*\.py)"#, "index": 1], listing, "./b/c.py"),
            (["pattern": #"py"#, "count": true], listing, 2),
            (["pattern": #"rb"#, "count": true], listing, 0),
            (["pattern": #"rb"#, "all": true], listing, []),
            (["pattern": #"rb"#, "default": "none"], listing, "none"),
            (["pattern": #"x|(\d+)"#], "a 42", "42"),
            (["lines": true], listing, ["./a.py", "./b/c.py", "./notes.txt"]),
            (["lines": true, "count": true], listing, 3),
            (["lines": true, "limit": 2], listing, ["./a.py", "./b/c.py"]),
            (["lines": true, "index": 2], listing, "./notes.txt"),
            (["lines": true, "limit": 2, "join": ", "], listing, "./a.py, ./b/c.py"),
            (["lines": true, "pattern": "c"], "abc\r\nxyz\r\ncd", ["c", "c"]),
            (["type": "integer"], " 17\n", 17),
            (["type": "number"], "1.5", 1.5),
            (["type": "json"], #"{"k": [true]}"#, ["k": [true]]),
            (["pattern": #"(\d+)"#, "type": "integer", "all": true], "1 22 x 3", [1, 22, 3]),
            (["pattern": #"(\d+) files"#, "type": "integer"], "12 files", 12),
            (["pointer": "/a~1b/n"], json, 3),
            (["pointer": "/a~1b/list/1"], json, "y"),
            (["pointer": "/a~1b/list"], json, ["x", "y", "z"]),
            (["pointer": "/a~1b/list", "count": true], json, 3),
            (["pointer": "/a~1b/list", "limit": 1, "join": "-"], json, "x"),
            (["pointer": "/t", "lines": true], json, ["one", "two"]),
            (["pointer": "", "type": "json"], "[1]", [1]),
            (["pointer": "/nothing", "default": 0], json, 0),
        ] as [(JSONValue, String, JSONValue)]
    )
    func `takes a value out of a result`(capture: JSONValue, result: String, expected: JSONValue) throws {
        #expect(try value(capture, of: result) == expected)
    }

    @Test(
        arguments: [
            (["pattern": "rb"], listing, "no match of 'rb'"),
            (["lines": true, "index": 9], listing, "no element 9"),
            (["type": "integer"], "1.5", "no whole number"),
            (["type": "json"], "{", "no JSON"),
            (["pointer": "/x"], "plain", "no JSON"),
            (["pointer": "/x"], "{}", "no member 'x'"),
        ] as [(JSONValue, String, String)]
    )
    func `without a default says what it did not find, and in what`(
        capture: JSONValue,
        result: String,
        reason: String
    ) throws {
        let error = try #require(throws: ScriptError.self) { try value(capture, of: result) }
        #expect(error.code == .notCaptured)
        #expect(error.place == "capture.x")
        #expect(error.message.contains(reason))
        #expect(error.message.contains(JSONValue.string(result).text().prefix(5)))
    }
}

@Suite struct `a reference` {
    private static let value: JSONValue = ["list": ["a", ["k": "v"]], "n": 5, "own": ["count": "mine"]]

    @Test(
        arguments: [
            ("x", value), ("x.n", 5), ("x.list[0]", "a"), ("x.list[-1].k", "v"), ("x.list.count", 2),
            ("x.own.count", "mine"),
        ] as [(String, JSONValue)]
    )
    func `follows members and indexes`(source: String, expected: JSONValue) throws {
        #expect(try Reference(source, at: "here").resolve(in: Self.value) == expected)
    }

    @Test(arguments: ["x.list[2]", "x.list[-3]", "x.no", "x.n[0]", "x.n.count"])
    func `to nothing is an error`(source: String) throws {
        let error = try #require(throws: ScriptError.self) {
            try Reference(source, at: "here").resolve(in: Self.value)
        }
        #expect(error.code == .notCaptured)
        #expect(error.message.contains("'${\(source)}'"))
    }
}
