import Schemas
import Wire

/// What a server of tools in this program says to each message of the Model Context Protocol; Claude Code is its client.
///
/// It remembers nothing, so a second `initialize`, as after a reconnection, is as good as the first.
struct ToolDialogue: Sendable {
    /// Newest first; of these the client's own is answered, or the newest.
    private static let versions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]

    let name: String
    let tools: [AgentTool]

    /// The answer to a message; to a notification, what the program expects instead of one.
    func answer(_ message: JSONValue) async -> JSONValue {
        guard let method = message["method"]?.string, let id = message["id"], id != nil else {
            return ["jsonrpc": "2.0", "result": [:]]
        }
        let params = message["params"] ?? [:]
        switch method {
        case "initialize":
            let asked = params["protocolVersion"]?.string ?? ""
            let version = Self.versions.contains(asked) ? asked : Self.versions[0]
            return Self.reply(
                id,
                [
                    "protocolVersion": .string(version), "capabilities": ["tools": [:]],
                    "serverInfo": ["name": .string(name), "version": "1"],
                ]
            )
        case "ping": return Self.reply(id, [:])
        case "tools/list": return Self.reply(id, ["tools": .array(tools.map(Self.listed))])
        case "tools/call": return await call(id, params)
        default: return Self.refusal(id, -32601, "There is no method '\(method)' here")
        }
    }

    private static func listed(_ tool: AgentTool) -> JSONValue {
        var members: [String: JSONValue] = [
            "name": .string(tool.name), "description": .string(tool.description), "inputSchema": tool.inputSchema,
        ]
        members["annotations"] = tool.annotations
        return .object(members)
    }

    private func call(_ id: JSONValue, _ params: JSONValue) async -> JSONValue {
        guard let tool = tools.first(where: { .string($0.name) == params["name"] }) else {
            return Self.refusal(id, -32602, "There is no tool '\(params["name"]?.string ?? "")' here")
        }
        var arguments = params["arguments"] ?? [:]
        if arguments == nil { arguments = [:] }
        let output: ToolOutput
        // Claude Code itself does not look at the input.
        let faults = tool.schema.validate(arguments)
        if faults.isEmpty {
            do {
                output = try await tool.call(arguments)
            } catch {
                output = .error("The tool failed: \(error)")
            }
        } else {
            output = .error("The input does not fit:\n" + faults.map { "- \($0.message)" }.joined(separator: "\n"))
        }
        return Self.reply(id, ["content": .array(output.content), "isError": .bool(output.isError)])
    }

    private static func reply(_ id: JSONValue, _ result: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "result": result]
    }

    static func refusal(_ id: JSONValue, _ code: Int64, _ text: String) -> JSONValue {
        ["jsonrpc": "2.0", "id": id, "error": ["code": .integer(code), "message": .string(text)]]
    }
}
