import HTTP
import Linux
import Schemas
import Wire

@testable import MCP

/// The tool of the tests: an object with a text, a count and a list.
func findingsTool(name: String = "submit_result") throws -> ResultTool {
    let schema: JSONValue = [
        "type": "object",
        "properties": [
            "summary": ["type": "string"], "issues_found": ["type": "integer", "minimum": 0],
            "recommendations": ["type": "array", "items": ["type": "string"]],
        ],
        "required": ["summary", "issues_found", "recommendations"],
    ]
    return try ResultTool(schema: try JSONSchema(schema), name: name)
}

let findings: JSONValue = ["summary": "fine", "issues_found": 0, "recommendations": []]

func call(_ arguments: JSONValue, name: String = "submit_result", id: JSONValue = 1) -> JSONValue {
    [
        "jsonrpc": "2.0", "id": id, "method": "tools/call",
        "params": ["name": .string(name), "arguments": arguments],
    ]
}

func request(_ method: String, _ params: JSONValue? = nil, id: JSONValue = 1) -> JSONValue {
    var message: [String: JSONValue] = ["jsonrpc": "2.0", "id": id, "method": .string(method)]
    message["params"] = params
    return .object(message)
}

/// `params` with what a request of the stateless revision carries.
func stateless(_ params: [String: JSONValue] = [:], version: String = "2026-07-28") -> JSONValue {
    let meta: JSONValue = [
        "io.modelcontextprotocol/protocolVersion": .string(version),
        "io.modelcontextprotocol/clientCapabilities": [:],
    ]
    return .object(params.merging(["_meta": meta]) { _, meta in meta })
}

extension JSONValue {
    var errorCode: Int64? { self["error"]?["code"]?.integer }
    var toolText: String? { self["result"]?["content"]?[0]?["text"]?.string }
}

/// Runs a result server on a port of its own.
func withServer(
    _ server: ResultServer,
    _ body: @escaping @Sendable (SocketAddress, HTTPClient) async throws -> Void
) async throws {
    let listener = try Listener(.loopback(0))
    let address = listener.address
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await HTTPServer { try await server.handle($0) }.run(on: listener) }
        defer {
            group.cancelAll()
            listener.close()
        }
        try await body(address, HTTPClient { try await Channel.connect(to: address) })
    }
}
