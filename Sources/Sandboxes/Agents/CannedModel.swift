import HTTP
import Wire

/// A model with its answers ready: it has Claude Code run a command, read a file and search, and then takes its leave.
///
/// Enough of the Messages API for the warm-up of a template and no more; ScriptedModel is the one for people. On `/mcp` it
/// says what a server without tools says.
package enum CannedModel {
    package static let name = "canned 2"
    package static let farewell = "All is warm."
    /// A prompt that is answered without tools.
    package static let briefly = "Say something, briefly."

    private static let tools: [(name: String, input: JSONValue)] = [
        ("Bash", ["command": "ls -la && git --version && python3 main.py", "description": "Look around"]),
        ("Read", ["file_path": "/tmp/warm-up/project/main.py"]),
        ("Grep", ["pattern": "warm", "path": "/tmp/warm-up/project"]),
    ]

    package static func answer(_ exchange: Exchange) async throws {
        let body = try await exchange.body.collect(limit: 16 * 1024 * 1024)
        let request = (try? JSONValue(parsing: body)) ?? .null
        switch exchange.request.path {
        case "/v1/messages":
            try await exchange.respond(200, ["Content-Type": "text/event-stream"], body: events(for: request))
        case "/mcp" where exchange.request.method == "POST":
            guard let id = request["id"] else { return try await exchange.respond(202) }
            let reply: JSONValue = ["jsonrpc": "2.0", "id": id, "result": result(of: request)]
            try await exchange.respond(200, ["Content-Type": "application/json"], body: reply.encoded())
        default:
            try await exchange.respond(404, ["Content-Type": "application/json"], body: Array("{}".utf8))
        }
    }

    /// The step is read from the conversation, so that a request that is sent again gets the same answer.
    package static func events(for request: JSONValue) -> [UInt8] {
        let step = (request["messages"]?.array ?? []).count { $0["role"]?.string == "assistant" }
        let isBrief = request["messages"]?.text().contains(briefly) ?? false
        let hasTools = !(request["tools"]?.array ?? []).isEmpty && !isBrief
        let start: JSONValue = [
            "id": .string("msg_\(step)"), "type": "message", "role": "assistant", "model": request["model"] ?? "canned",
            "content": [], "stop_reason": .null, "usage": ["input_tokens": 1, "output_tokens": 1],
        ]
        var events = event("message_start", ["message": start])
        let isTool = hasTools && step < tools.count
        if isTool {
            let tool = tools[step]
            let block: JSONValue = [
                "type": "tool_use", "id": .string("toolu_warm\(step)"), "name": .string(tool.name), "input": [:],
            ]
            events += event("content_block_start", ["index": 0, "content_block": block])
            let delta: JSONValue = ["type": "input_json_delta", "partial_json": .string(tool.input.text())]
            events += event("content_block_delta", ["index": 0, "delta": delta])
        } else {
            events += event("content_block_start", ["index": 0, "content_block": ["type": "text", "text": ""]])
            let delta: JSONValue = ["type": "text_delta", "text": .string(farewell)]
            events += event("content_block_delta", ["index": 0, "delta": delta])
        }
        events += event("content_block_stop", ["index": 0])
        let end: JSONValue = ["stop_reason": isTool ? "tool_use" : "end_turn"]
        events += event("message_delta", ["delta": end, "usage": ["output_tokens": 5]])
        return events + event("message_stop", [:])
    }

    private static func event(_ type: String, _ members: [String: JSONValue]) -> [UInt8] {
        var members = members
        members["type"] = .string(type)
        return Array("event: \(type)\ndata: ".utf8) + JSONValue.object(members).encoded() + Array("\n\n".utf8)
    }

    private static func result(of request: JSONValue) -> JSONValue {
        switch request["method"]?.string {
        case "initialize":
            [
                "protocolVersion": request["params"]?["protocolVersion"] ?? "2025-06-18",
                "capabilities": ["tools": [:]], "serverInfo": ["name": "warm", "version": "1"],
            ]
        case "tools/list":
            ["tools": [["name": "submit_result", "description": "Warm", "inputSchema": ["type": "object"]]]]
        default: [:]
        }
    }
}
