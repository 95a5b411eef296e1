import Wire

/// A server of the Model Context Protocol, from which the agent gets tools.
public enum MCPServer: Sendable {
    /// A program that Claude Code starts where it runs.
    case program(_ command: String, arguments: [String] = [], environment: [String: String] = [:])
    case http(_ url: String, headers: [String: String] = [:])
    case sse(_ url: String, headers: [String: String] = [:])
    /// Tools in this very program.
    case tools([AgentTool])

    /// As it stands in the program's configuration.
    func configuration(name: String) -> JSONValue {
        switch self {
        case .program(let command, let arguments, let environment):
            return [
                "type": "stdio", "command": .string(command), "args": .array(arguments.map { .string($0) }),
                "env": .object(environment.mapValues { .string($0) }),
            ]
        case .http(let url, let headers): return Self.remote("http", url, headers)
        case .sse(let url, let headers): return Self.remote("sse", url, headers)
        case .tools: return ["type": "sdk", "name": .string(name)]
        }
    }

    private static func remote(_ type: String, _ url: String, _ headers: [String: String]) -> JSONValue {
        [
            "type": .string(type), "url": .string(url), "headers": .object(headers.mapValues { .string($0) }),
        ]
    }

    var isInProcess: Bool { if case .tools = self { true } else { false } }
}
