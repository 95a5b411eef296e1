import Arguments
import Linux
import MCP
import Schemas
import Wire

/// `martlet mcp-result`: the result tool for agents that run elsewhere.
enum ResultServerCommand {
    static let command = Command(
        "mcp-result",
        summary: "Serve the result tool as an MCP server on standard input and output",
        discussion: """
            The tool's input is the schema; a call that does not fit is answered with each fault and its path. The last \
            result that fitted is written to --output, whole or not at all.
            """,
        examples: [
            .init(
                "claude --mcp-config '{\"mcpServers\":{\"result\":{\"command\":\"martlet\",\"args\":[\"mcp-result\",\"--schema\",\"s.json\",\"--output\",\"r.json\"]}}}'",
                "Give the tool to an agent of your own"
            )
        ],
        options: [
            .value(
                "--schema",
                "SCHEMA",
                short: "s",
                "JSON Schema of the result: a file, or JSON",
                completion: .files,
                isRequired: true
            ),
            .value("--output", "FILE", short: "o", "Where the result is written", completion: .files),
            .value("--tool-name", "NAME", "Name of the tool", default: .value(ResultTool.defaultName)),
            .value("--tool-description", "TEXT", "What the agent is told about the tool"),
        ],
        group: "Upkeep"
    ) { invocation in
        let document = try SchemaArgument.read(try invocation.required("--schema"))
        let output = invocation.value("--output")
        let tool: ResultTool
        do {
            tool = try ResultTool(
                schema: try JSONSchema(document),
                name: invocation.value("--tool-name") ?? ResultTool.defaultName,
                description: invocation.value("--tool-description")
            )
        } catch let error as MCPError {
            throw CommandsError(.unusableInput, error.message)
        }
        let server = ResultServer(tool, version: Version.current) { attempt in
            guard let output, let result = attempt.result else { return }
            do {
                try await BlockingPool.run {
                    try Files.write(result.encoded(pretty: true) + [0x0A], to: output, mode: 0o644)
                }
            } catch {
                await StandardStream.say("The result could not be written to '\(output)': \(error)")
            }
        }
        let streams = try StandardStreams()
        try await server.serve(streams, streams)
        return .success
    }
}

/// Our standard input and output as one stream.
private final class StandardStreams: ByteStream {
    private let input: StandardInput

    init() throws(LinuxError) {
        input = try StandardInput()
    }

    var hasInput: Bool { StandardInput.hasInput }
    func read(upTo count: Int) async throws -> [UInt8] { try await input.read(upTo: count) }
    func write(_ bytes: [UInt8]) async throws { try await StandardStream.output.write(bytes) }
    /// They are the process's, and end with it.
    func closeWriting() async throws {}
    func close() {}
}
