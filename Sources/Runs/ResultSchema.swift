import JSONSchema
import MCP
import Synchronization
import Wire

/// What the result of a run must fit, and what the agent has handed over so far.
///
/// Every call of the tool is checked here, on the host, at the moment it is made.
final class ResultSchema: Sendable {
    private struct State {
        var round = 0
        var attempts: [RunReport.Attempt] = []
        var told = 0
        /// The last accepted result; a later one replaces it.
        var accepted: JSONValue?
    }

    let toolName: String
    private let toolDescription: String
    /// What the caller gave.
    private let schema: JSONSchema
    /// What the tool takes: the same, or an object around it.
    private let input: JSONSchema
    private let isWrapped: Bool
    private let state = Mutex(State())

    /// - Throws: `JSONSchemaError` with the path to the fault.
    init(_ document: JSONValue, toolName: String, toolDescription: String?) throws {
        schema = try JSONSchema(document, assertFormats: true)
        (input, isWrapped) = schema.wrappedForTool()
        self.toolName = toolName
        self.toolDescription =
            toolDescription
            ?? document["description"]?.string
            ?? "Hands over the result of your work. Call it once, when you are done."
    }

    /// The tool as an MCP server.
    func server() -> ResultServer {
        ResultServer(
            tool: ResultTool(name: toolName, description: toolDescription, inputSchema: input.document)
        ) { [self] arguments in check(arguments) }
    }

    /// Checks one call and remembers it; gives what is wrong.
    func check(_ arguments: JSONValue) -> [String] {
        let faults = input.validate(arguments).map(\.message)
        let result = isWrapped ? arguments["result"] ?? arguments : arguments
        state.withLock { state in
            state.attempts.append(
                RunReport.Attempt(round: state.round, arguments: result, isValid: faults.isEmpty, faults: faults)
            )
            if faults.isEmpty { state.accepted = result }
        }
        return faults
    }

    func beginRound(_ round: Int) {
        state.withLock { $0.round = round }
    }

    /// The result, validated once more against the schema as the caller gave it.
    func accepted() -> JSONValue? {
        state.withLock(\.accepted).flatMap { schema.validate($0).isEmpty ? $0 : nil }
    }

    /// Why a result that fits is no answer all the same.
    func emptiness(of result: JSONValue) -> String? {
        degeneracy(of: result, schema: schema)
    }

    func attempts() -> [RunReport.Attempt] {
        state.withLock(\.attempts)
    }

    /// What was wrong with the last call; nil when there was none.
    func lastFaults() -> [String]? {
        state.withLock { $0.attempts.last?.faults }
    }

    /// The attempts since the last time this was asked.
    func untold() -> [RunReport.Attempt] {
        state.withLock { state in
            defer { state.told = state.attempts.count }
            return Array(state.attempts[state.told...])
        }
    }
}
