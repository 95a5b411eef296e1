import FoundationEssentials
import Testing
import Wire

@testable import ScriptedModel

@Suite struct `a script` {
    @Test(arguments: [
        (#"{"#, "", "not JSON"),
        (#"[]"#, "", "an object is needed here, not a list"),
        (#"{}"#, "", "needs 'steps' or 'conversations'"),
        (#"{"steps": []}"#, "steps", "there is no step"),
        (#"{"conversations": []}"#, "conversations", "there is no conversation"),
        (#"{"conversations": [{"name": "a"}]}"#, "conversations[0]", "there are no 'steps'"),
        (#"{"steps": [{"text": "a"}], "conversations": []}"#, "", "there is no 'conversations'"),
        (#"{"steps": [{"text": "a"}, {"text": 5}]}"#, "steps[1].text", "a text is needed here, not a number"),
        (#"{"steps": [{}]}"#, "steps[0]", "a step needs"),
        (#"{"steps": [{"fault": {"status": 500, "times": 1}}]}"#, "steps[0]", "a step needs"),
        (#"{"steps": [{"text": "a", "stop_reason": "x"}]}"#, "steps[0]", "'stopReason' is the word"),
        (#"{"steps": [{"tools": [{"input": {}}]}]}"#, "steps[0].tools[0]", "needs a 'name'"),
        (
            #"{"steps": [{"tools": [{"name": "B", "input": {"a": ["${x}"]}}]}]}"#, "steps[0].tools[0].input.a[0]",
            "no step before this one captures 'x'"
        ),
        (#"{"steps": [{"text": "${a"}]}"#, "steps[0].text", "has no '}'"),
        (#"{"steps": [{"text": "${a b}"}]}"#, "steps[0].text", "is not a name"),
        (#"{"steps": [{"text": "${}"}]}"#, "steps[0].text", "is not a name"),
        (#"{"steps": [{"text": "${prompt[x]}"}]}"#, "steps[0].text", "is not a name"),
        (#"{"steps": [{"text": "a", "capture": {"x": {}}}]}"#, "steps[0].capture.x", "step 0 has no tool 0"),
        (
            #"{"steps": [{"tools": [{"name": "B"}], "capture": {"x": {"pattern": "("}}}]}"#,
            "steps[0].capture.x.pattern", "is no regular expression"
        ),
        (
            #"{"steps": [{"tools": [{"name": "B"}], "capture": {"x": {"all": true, "count": true}}}]}"#,
            "steps[0].capture.x", "only one of"
        ),
        (
            #"{"steps": [{"tools": [{"name": "B"}], "capture": {"x": {"step": 1}}}]}"#, "steps[0].capture.x.step",
            "the number must be 0 to 0"
        ),
        (
            #"{"steps": [{"tools": [{"name": "B"}], "capture": {"prompt": {}}}]}"#, "steps[0].capture.prompt",
            "can not be a name"
        ),
        (#"{"steps": [{"text": "a", "fault": {}}]}"#, "steps[0].fault", "a fault is one of"),
        (#"{"steps": [{"text": "a", "fault": {"status": 200}}]}"#, "steps[0].fault.status", "400 to 599, not 200"),
        (#"{"steps": [{"text": "a", "delay": -1}]}"#, "steps[0].delay", "a number of seconds"),
        (#"{"conversations": [{"when": 5, "steps": [{"text": "a"}]}]}"#, "conversations[0].when", "object is needed"),
        (
            #"{"steps": [{"text": "a"}], "subagents": [{"steps": [{"text": 1}]}]}"#, "subagents[0].steps[0].text",
            "a text"
        ),
    ])
    func `that is wrong says where`(source: String, place: String, problem: String) throws {
        let error = try #require(throws: ScriptError.self) { try Script(parsing: source.utf8) }
        #expect(error.code == .malformed)
        #expect(error.place == place)
        #expect(error.message.contains(problem), "\(error.message)")
        #expect(place.isEmpty || error.message.contains("'\(place)'"))
    }

    @Test func `keeps its document through encoding`() throws {
        let source: JSONValue = ["steps": [["text": "Hello"]], "title": "T"]
        let script = try source.decode(Script.self)
        #expect(try JSONValue(encoding: script) == source)
        #expect(script.title == "T")
    }

    @Test func `that is wrong can not be decoded either`() {
        #expect(throws: ScriptError.self) { try JSONDecoder().decode(Script.self, from: Data("{}".utf8)) }
    }

    @Test func `of the manual is right`() throws {
        let manual = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../docs/scripted-model.md"
        )
        let text = String(decoding: try Data(contentsOf: manual), as: UTF8.self)
        let scripts = text.split(separator: "```json\n").dropFirst().compactMap { $0.split(separator: "```").first }
        #expect(scripts.count == 3)
        for script in scripts { #expect(throws: Never.self) { try Script(parsing: script.utf8) } }
    }

    @Test func `of the manual captures what its table says`() throws {
        let manual = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../docs/scripted-model.md"
        )
        let lines = String(decoding: try Data(contentsOf: manual), as: UTF8.self).split(separator: "\n")
        let rows = lines.drop { !$0.hasPrefix("| capture |") }.dropFirst(2).prefix { $0.hasPrefix("|") }
        #expect(rows.count == 6)
        for row in rows {
            let cells = row.split(separator: "`").enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
            let capture = try Capture(Placed(value: try JSONValue(parsing: cells[0]), place: ""), toolCounts: [1])
            let result = cells[1].replacing("\\n", with: "\n")
            #expect(try capture.value(from: result) == JSONValue(parsing: cells[2]), "\(row)")
        }
    }
}
