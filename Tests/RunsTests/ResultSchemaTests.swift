import MCP
import Schemas
import Testing
import Wire

@testable import Runs

@Suite struct `a run's result` {
    private static let document: JSONValue = [
        "type": "object", "required": ["summary", "count"],
        "properties": [
            "summary": ["type": "string", "description": "What was found"], "count": ["type": "integer"],
            "when": ["type": "string", "format": "date-time"],
        ],
    ]

    private func schema(_ document: JSONValue = document) throws -> ResultSchema {
        try ResultSchema(document, toolName: "submit_result", toolDescription: nil)
    }

    /// Calls the tool as an agent does.
    private func call(_ schema: ResultSchema, _ arguments: JSONValue) async -> JSONValue {
        let reply = await schema.server.reply(to: [
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": ["name": .string(schema.toolName), "arguments": arguments],
        ])
        return reply ?? nil
    }

    @Test func `is nothing before the first call`() throws {
        let schema = try schema()
        schema.beginRound()
        #expect(schema.accepted() == nil)
        #expect(schema.lastFaults() == nil)
        #expect(schema.attempts().isEmpty)
        #expect(schema.untold().isEmpty)
    }

    @Test func `counts each attempt to the round it was made in`() async throws {
        let schema = try schema()
        schema.beginRound()
        _ = await call(schema, ["summary": "a", "count": "3"])
        _ = await call(schema, ["summary": "a"])
        schema.beginRound()
        schema.beginRound()
        _ = await call(schema, ["summary": "A real finding", "count": 3])
        let attempts = schema.attempts()
        #expect(attempts.map(\.round) == [0, 0, 2])
        #expect(attempts.map(\.isValid) == [false, false, true])
        #expect(attempts[0].arguments == ["summary": "a", "count": "3"])
        #expect(attempts[0].faults.contains { $0.contains("/count") })
        #expect(attempts[2].faults.isEmpty)
    }

    @Test func `is told attempt by attempt, each once`() async throws {
        let schema = try schema()
        schema.beginRound()
        _ = await call(schema, ["summary": "a"])
        #expect(schema.untold().count == 1)
        #expect(schema.untold().isEmpty)
        _ = await call(schema, [:])
        _ = await call(schema, ["summary": "b", "count": 1])
        #expect(schema.untold().map(\.isValid) == [false, true])
    }

    @Test func `is the last one that was accepted`() async throws {
        let schema = try schema()
        schema.beginRound()
        _ = await call(schema, ["summary": "first", "count": 1])
        _ = await call(schema, ["summary": "second", "count": 2])
        #expect(schema.accepted() == ["summary": "second", "count": 2])
        _ = await call(schema, ["summary": 3])
        #expect(schema.accepted() == ["summary": "second", "count": 2])
        #expect(schema.lastFaults()?.isEmpty == false)
    }

    @Test func `comes without the wrapping that other than objects need`() async throws {
        let schema = try schema(["type": "array", "items": ["type": "integer"]])
        schema.beginRound()
        _ = await call(schema, ["result": [1, 2]])
        #expect(schema.accepted() == [1, 2])
        #expect(schema.attempts().first?.arguments == [1, 2])
    }

    @Test func `must fit the formats that the schema names`() async throws {
        let schema = try schema()
        schema.beginRound()
        let reply = await call(schema, ["summary": "a", "count": 1, "when": "yesterday"])
        #expect(reply["result"]?["isError"] == true)
        #expect(schema.accepted() == nil)
    }

    @Test func `is empty when it says nothing`() throws {
        let schema = try schema()
        #expect(schema.emptiness(of: ["summary": "", "count": 0]) != nil)
        #expect(schema.emptiness(of: ["summary": "TODO", "count": 0]) != nil)
        #expect(schema.emptiness(of: ["summary": "What was found", "count": 0]) != nil)
        #expect(schema.emptiness(of: ["summary": "Two functions are unused", "count": 2]) == nil)
    }

    @Test func `needs a schema that is one, and a name that a tool can have`() {
        #expect(throws: JSONSchemaError.self) { try schema(["type": "objekt"]) }
        #expect(throws: MCPError.self) {
            try ResultSchema(Self.document, toolName: "no name", toolDescription: nil)
        }
    }
}
