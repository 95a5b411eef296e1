import Schemas
import Testing
import Wire

@testable import MCP

@Suite struct `a result tool` {
    private func faults(_ arguments: JSONValue, _ tool: ResultTool? = nil) throws -> [String]? {
        switch try (tool ?? findingsTool()).judge(arguments) {
        case .accepted: nil
        case .refused(let faults): faults
        }
    }

    @Test func `accepts what fits`() throws {
        #expect(try faults(findings) == nil)
    }

    @Test func `names every fault with its path`() throws {
        let faults = try #require(
            try faults(["summary": 5, "issues_found": "many", "recommendations": ["a", 1]])
        )
        #expect(faults.count == 3)
        for path in ["/summary", "/issues_found", "/recommendations/1"] {
            #expect(faults.contains { $0.contains(path) }, "\(path): \(faults)")
        }
        #expect(!faults.contains { $0.contains("JSON text") })
    }

    @Test(
        arguments: [
            ["summary": "s", "issues_found": "2", "recommendations": []],
            ["summary": "s", "issues_found": 2, "recommendations": #"["a", "b"]"#],
            .string(findings.text()),
        ] as [JSONValue]
    )
    func `says when JSON text stands for a value`(arguments: JSONValue) throws {
        let faults = try #require(try faults(arguments))
        #expect(faults.count == 1)
        #expect(faults[0].contains("pass the value itself, not JSON text in a string"))
    }

    @Test(
        arguments: [
            // The text is JSON, but passing it as a value would help nothing.
            ["summary": "s", "issues_found": "-2.5", "recommendations": []],
            ["summary": "s", "issues_found": "[1]", "recommendations": []],
            ["summary": "s", "issues_found": #""2""#, "recommendations": []],
        ] as [JSONValue]
    )
    func `gives no advice that does not help`(arguments: JSONValue) throws {
        let faults = try #require(try faults(arguments))
        #expect(!faults.contains { $0.contains("JSON text") }, "\(faults)")
    }

    @Test func `follows escaped paths to the value at fault`() throws {
        let schema = try JSONSchema(["type": "object", "properties": ["a/b~c": ["items": ["type": "integer"]]]])
        let faults = try #require(try faults(["a/b~c": [1, "2"]], ResultTool(schema: schema)))
        #expect(faults.count == 1)
        #expect(faults[0].contains("JSON text"))
    }

    @Test func `wraps a schema that is no object's, and takes the result out again`() throws {
        let tool = try ResultTool(schema: try JSONSchema(["type": "array", "items": ["type": "integer"]]))
        #expect(tool.inputSchema["type"] == "object")
        #expect(tool.inputSchema["properties"]?["result"]?["type"] == "array")
        guard case .accepted(let result) = tool.judge(["result": [1, 2]]) else {
            Issue.record("not accepted")
            return
        }
        #expect(result == [1, 2])
        #expect(try faults(["result": ["x"]], tool)?.count == 1)
        #expect(try faults([1, 2], tool) != nil)
    }

    @Test(arguments: ["", "with space", "ünicode", "dot.ted", String(repeating: "x", count: 49)])
    func `refuses a name that could not be called`(name: String) throws {
        let error = try #require(throws: MCPError.self) { try findingsTool(name: name) }
        #expect(error.code == .badToolName)
        #expect(error.message.contains("'\(name)'"))
    }
}
