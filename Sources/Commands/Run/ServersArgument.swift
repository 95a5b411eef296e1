import Arguments
import Linux
import Wire

/// The MCP servers outside that a line names: in a file as Claude Code has it, and one by one.
enum ServersArgument {
    static let options: [Option] = [
        .repeated(
            "--mcp",
            "NAME=URL",
            "MCP server outside that the agent gets, by the streamable HTTP transport; the sandbox does not reach it itself",
            group: "Agent"
        ),
        .repeated(
            "--mcp-header",
            "RULE",
            "What is put into requests to one, as in 'NAME Authorization: Bearer ${secret:SECRET}', which the agent never sees",
            group: "Agent"
        ),
        .repeated("--mcp-tool", "NAME/TOOL", "Tool of one that may be used; with any named, no others", group: "Agent"),
        .repeated(
            "--mcp-config",
            "FILE",
            "MCP servers in Claude Code's form, a file or JSON; a 'command' is run here, beside the daemon",
            group: "Agent",
            completion: .files
        ),
    ]

    /// - Throws: ``CommandsError`` for what can not be read, names a server twice, or says something about none.
    static func read(_ invocation: Invocation) throws -> JSONValue? {
        var servers: [String: [String: JSONValue]] = [:]
        func add(_ name: String, _ server: [String: JSONValue]) throws {
            guard servers.updateValue(server, forKey: name) == nil else {
                throw CommandsError(.unusableInput, "The MCP server '\(name)' is named twice")
            }
        }
        for argument in invocation.values("--mcp-config") {
            for (name, server) in try configuration(argument) { try add(name, server) }
        }
        for argument in invocation.values("--mcp") {
            guard let (name, url) = parts(argument, "=") else {
                throw CommandsError(.unusableInput, "'--mcp \(argument)' has no URL; it is written NAME=URL")
            }
            try add(name, ["url": .string(url)])
        }
        func change(_ option: String, _ name: String, _ body: (inout [String: JSONValue]) -> Void) throws {
            guard servers[name] != nil else {
                throw CommandsError(.unusableInput, "'\(option)' is about '\(name)', which no '--mcp' names")
            }
            body(&servers[name, default: [:]])
        }
        for argument in invocation.values("--mcp-header") {
            guard let (name, rest) = parts(argument, " "), let (field, value) = parts(rest, ":") else {
                // What follows may be a secret of somebody who had not heard of '${secret:NAME}'.
                throw CommandsError(.unusableInput, "A '--mcp-header' is written 'NAME FIELD: VALUE'")
            }
            try change("--mcp-header", name) { server in
                var headers = server["headers"]?.object ?? [:]
                headers[field] = .string(String(value.drop { $0 == " " }))
                server["headers"] = .object(headers)
            }
        }
        for argument in invocation.values("--mcp-tool") {
            guard let (name, tool) = parts(argument, "/") else {
                throw CommandsError(.unusableInput, "'--mcp-tool \(argument)' has no tool; it is written NAME/TOOL")
            }
            try change("--mcp-tool", name) { $0["tools"] = .array(($0["tools"]?.array ?? []) + [.string(tool)]) }
        }
        return servers.isEmpty ? nil : .object(servers.mapValues { .object($0) })
    }

    private static func parts(_ text: String, _ mark: Character) -> (String, String)? {
        guard let place = text.firstIndex(of: mark) else { return nil }
        let (first, rest) = (String(text[..<place]), String(text[text.index(after: place)...]))
        return first.isEmpty || rest.isEmpty ? nil : (first, rest)
    }

    private static func configuration(_ argument: String) throws -> [String: [String: JSONValue]] {
        let isInline = argument.drop(while: \.isWhitespace).first == "{"
        let name = isInline ? "The MCP configuration on the line" : "The MCP configuration '\(argument)'"
        let document: JSONValue
        do {
            document = try JSONValue(parsing: isInline ? Array(argument.utf8) : Files.read(argument))
        } catch {
            throw CommandsError(.unusableInput, "\(name) could not be read as JSON", cause: error)
        }
        guard let servers = (document["mcpServers"] ?? document).object else {
            throw CommandsError(.unusableInput, "\(name) is no object with a member for each server")
        }
        var read: [String: [String: JSONValue]] = [:]
        for (server, value) in servers {
            guard var members = value.object else {
                throw CommandsError(.unusableInput, "\(name) has no object for the server '\(server)'")
            }
            if let command = members["command"]?.string {
                // The daemon has a directory of its own.
                if command.contains("/") { members["command"] = .string(Surroundings.absolute(command)) }
                members["cwd"] = .string(Surroundings.absolute(members["cwd"]?.string ?? "."))
            }
            read[server] = members
        }
        return read
    }
}
