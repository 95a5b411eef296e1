import Schemas
import Wire

/// A function of this program that the agent can call.
///
/// Its input is a Swift type, from which the schema is made that the agent sees; what does not fit it is refused, with what is
/// wrong and where, before your function is called. What the function throws, the agent reads.
///
///     struct Sum: Codable { var a: Double; var b: Double }
///     let add = try AgentTool("add", "Adds two numbers", input: Sum.self) { "\($0.a + $0.b)" }
public struct AgentTool: Sendable {
    public let name: String
    /// What it does and when to use it, as the agent reads it.
    public let description: String
    /// The JSON Schema of its input.
    public var inputSchema: JSONValue { schema.document }
    /// Hints such as `readOnlyHint`, as the Model Context Protocol has them.
    public var annotations: JSONValue?

    let schema: JSONSchema
    let call: @Sendable (JSONValue) async throws -> ToolOutput

    /// A tool whose input is a Swift type.
    ///
    /// - Throws: ``AgentError`` with `badSchema` when no schema of an object can be made from the type. See ``SchemaProviding``.
    public init<Input: Decodable & Sendable>(
        _ name: String,
        _ description: String,
        input: Input.Type = Input.self,
        _ handle: @escaping @Sendable (Input) async throws -> ToolOutput
    ) throws(AgentError) {
        try self.init(name, description, schema: try Typed.schema(of: input)) { value in
            try await handle(try Typed.decode(input, from: value))
        }
    }

    /// A tool whose input is JSON that fits a schema of your own.
    public init(
        _ name: String,
        _ description: String,
        schema: JSONValue,
        _ handle: @escaping @Sendable (JSONValue) async throws -> ToolOutput
    ) throws(AgentError) {
        guard schema["type"] == "object" else {
            throw AgentError(.badSchema, "The input of the tool '\(name)' must be an object, as a struct is")
        }
        self.name = name
        self.description = description
        self.schema = try Typed.compile(schema)
        call = handle
    }
}

/// What a tool returns to the agent.
public struct ToolOutput: Sendable, Hashable, ExpressibleByStringInterpolation {
    /// Blocks as the Model Context Protocol has them.
    public var content: [JSONValue]
    /// Whether the agent shall see that it went wrong.
    public var isError = false

    public init(content: [JSONValue]) {
        self.content = content
    }

    public init(_ text: String) {
        content = [["type": "text", "text": .string(text)]]
    }

    public init(stringLiteral text: String) { self.init(text) }

    /// A value as JSON text.
    public static func json(_ value: some Encodable) throws -> ToolOutput {
        ToolOutput(try JSONValue(encoding: value).text())
    }

    /// A picture, in base64.
    public static func image(base64 data: String, type: String) -> ToolOutput {
        ToolOutput(content: [["type": "image", "data": .string(data), "mimeType": .string(type)]])
    }

    public static func error(_ text: String) -> ToolOutput {
        var output = ToolOutput(text)
        output.isError = true
        return output
    }
}
