import MCP
import Schemas
import Synchronization
import Wire

/// What the result of a run must fit, and what the agent has handed over so far.
///
/// Every call of the tool is checked on the host, at the moment it is made; here it is decided which call counts.
final class ResultSchema: Sendable {
    private struct State {
        /// How many calls had been made when each round began.
        var roundStarts: [Int] = []
        var told = 0
    }

    /// The tool as an MCP server.
    let server: ResultServer
    /// As the caller gave it.
    private let schema: JSONSchema
    private let state = Mutex(State())

    /// - Throws: `JSONSchemaError` with the path to the fault, or `MCPError` for a name that no tool can have.
    init(_ document: JSONValue, toolName: String, toolDescription: String?) throws {
        schema = try JSONSchema(document, assertFormats: true)
        let description = toolDescription ?? document["description"]?.string
        server = ResultServer(try ResultTool(schema: schema, name: toolName, description: description))
    }

    var toolName: String { server.tool.name }

    func beginRound() {
        let count = server.attempts.count
        state.withLock { $0.roundStarts.append(count) }
    }

    /// The last accepted result, validated once more against the schema as the caller gave it.
    func accepted() -> JSONValue? {
        server.accepted.flatMap { schema.validate($0).isEmpty ? $0 : nil }
    }

    /// Why a result that fits is no answer all the same.
    func emptiness(of result: JSONValue) -> String? {
        degeneracy(of: result, schema: schema)
    }

    func attempts() -> [RunReport.Attempt] {
        let starts = state.withLock(\.roundStarts)
        return server.attempts.enumerated().map { index, attempt in
            RunReport.Attempt(
                round: max(0, starts.count { $0 <= index } - 1),
                arguments: attempt.result ?? attempt.arguments,
                isValid: attempt.isValid,
                faults: attempt.faults
            )
        }
    }

    /// What was wrong with the last call; nil when there was none.
    func lastFaults() -> [String]? {
        server.attempts.last?.faults
    }

    /// The attempts since the last time this was asked.
    func untold() -> [RunReport.Attempt] {
        let attempts = attempts()
        return state.withLock { state in
            defer { state.told = attempts.count }
            return Array(attempts.dropFirst(state.told))
        }
    }
}
