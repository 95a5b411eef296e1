import Arguments
import Testing
import Wire

@testable import Commands

@Suite struct `a prompt` {
    @Test(
        arguments: [
            ("Hello", nil, true, Prompt.text("Hello")), ("-", nil, true, .standardInput),
            (nil, nil, false, .standardInput),
            (nil, "p.txt", true, .file("p.txt")), ("Hello", nil, false, .text("Hello")),
        ] as [(String?, String?, Bool, Prompt)]
    )
    func `comes from where the line says`(_ argument: String?, _ file: String?, _ isTerminal: Bool, _ prompt: Prompt)
        throws
    {
        #expect(try Prompt(argument: argument, file: file, inputIsTerminal: isTerminal) == prompt)
    }

    @Test func `is missed at a terminal, and refused when given twice`() {
        #expect(throws: CommandsError.self) { try Prompt(argument: nil, file: nil, inputIsTerminal: true) }
        #expect(throws: CommandsError.self) { try Prompt(argument: "a", file: "b", inputIsTerminal: false) }
    }

    @Test(
        arguments: [nil, [], Array(" \n\t\r\n".utf8), [UInt8](repeating: 0x61, count: Prompt.limit + 1)] as [[UInt8]?]
    )
    func `is refused when it is empty or too large`(_ bytes: [UInt8]?) {
        #expect {
            try Prompt.checked(bytes)
        } throws: { error in
            Status(error) == .usage
        }
    }

    @Test(arguments: [
        [0], [0xFF, 0xFE], Array("<a b=\"c\">'$x'</a>".utf8), [UInt8](repeating: 0x61, count: Prompt.limit),
    ])
    func `is passed on as it is`(_ bytes: [UInt8]) throws {
        #expect(try Prompt.checked(bytes) == bytes)
    }

    @Test func `is read from a file, byte by byte`() async throws {
        let place = try Place()
        try place.write("a\u{0}b", to: "p")
        #expect(try await Prompt.file("\(place.path)/p").read() == [0x61, 0, 0x62])
        await #expect(throws: CommandsError.self) { try await Prompt.file("\(place.path)/none").read() }
    }
}

@Suite struct `a schema on the line` {
    @Test func `is a file or the schema itself`() throws {
        let place = try Place()
        try place.write("{\"type\": \"object\"}", to: "s.json")
        #expect(try SchemaArgument.read("\(place.path)/s.json") == ["type": "object"])
        #expect(try SchemaArgument.read(" {\"type\": \"object\"}") == ["type": "object"])
        #expect(try SchemaArgument.read("true") == true)
    }

    @Test(arguments: [
        ("{\"type\": ", "is not JSON"), ("{\"type\": \"objec\"}", "'/type'"),
        ("{\"properties\": {\"a\": {\"minimum\": \"1\"}}}", "'/properties/a/minimum'"),
        ("nowhere.json", "could not be read"),
    ])
    func `is refused with the place of the fault`(_ argument: String, _ words: String) {
        #expect {
            try SchemaArgument.read(argument)
        } throws: { error in
            "\(error)".contains(words) && Status(error) == .usage
        }
    }
}

@Suite struct `a list of tools` {
    @Test(arguments: [
        ("Read", ["Read"]), ("Read,Write", ["Read", "Write"]), ("Read, Write", ["Read", "Write"]), ("", []),
        ("Bash(git log:*),Read", ["Bash(git log:*)", "Read"]), ("Bash(a, b (c)) Edit", ["Bash(a, b (c))", "Edit"]),
        ("Bash(open", ["Bash(open"]),
    ])
    func `is cut where no parenthesis is open`(_ list: String, _ names: [String]) {
        #expect(ToolNames.split(list) == names)
    }
}

@Suite struct `an artifact` {
    @Test(arguments: [
        ("out/a.txt", "d/out/a.txt"), ("/tmp/x", "d/tmp/x"), ("../../etc/passwd", "d/etc/passwd"), ("..", "d/artifact"),
    ])
    func `never leaves its directory`(_ path: String, _ place: String) {
        #expect(RunDelivery.place(of: path, in: "d") == place)
    }
}
