import Schemas
import Wire

/// What an agent answered, as a Swift type.
public struct AgentAnswer<Value: Sendable>: Sendable {
    public let value: Value
    /// The result that it came with: cost, turns and the rest.
    public let result: ResultMessage
    /// Why earlier results were sent back, in order.
    public let refusals: [String]
}

/// Has an agent do one thing and answer with a Swift type.
///
///     struct Findings: Codable { var summary: String; var files: [String] }
///     let answer = try await query("Review this", returning: Findings.self)
///     print(answer.value.summary)
///
/// The schema is made from the type (see ``SchemaProviding``), and the result is checked against it here: the program may end
/// well without one. A result that is missing, does not fit, or consists of placeholders is sent back with the reason, at most
/// `repairs` times.
///
/// - Throws: ``AgentError`` with `badResult` when there is no good one in the end.
public func query<Value: Decodable & Sendable>(
    _ prompt: AgentPrompt,
    returning type: Value.Type,
    options: AgentOptions = AgentOptions(),
    repairs: Int = 1
) async throws -> AgentAnswer<Value> {
    let wanted = try WantedResult(type)
    var options = options
    options.resultSchema = wanted.toolSchema
    return try await AgentSession.with(options) { session in
        try await wanted.ask(prompt, session, repairs: repairs)
    }
}

/// A result that is to be of a type.
struct WantedResult<Value: Decodable & Sendable>: Sendable {
    private let schema: JSONSchema
    private let tool: JSONSchema
    /// Whether the result stands in an object, which the program wants it to be.
    private let isWrapped: Bool

    init(_ type: Value.Type) throws(AgentError) {
        schema = try Typed.compile(try Typed.schema(of: type))
        (tool, isWrapped) = schema.wrappedForTool()
    }

    var toolSchema: JSONValue { tool.document }

    func ask(_ prompt: AgentPrompt, _ session: AgentSession, repairs: Int) async throws -> AgentAnswer<Value> {
        var refusals: [String] = []
        var prompt = prompt
        while true {
            let result = try await session.ask(prompt)
            switch read(result) {
            case .success(let value): return AgentAnswer(value: value, result: result, refusals: refusals)
            case .failure(let refusal):
                // A turn that failed, at a limit for instance, would fail again.
                guard result.isSuccess || result.subtype == .structuredOutputRetries, refusals.count < repairs else {
                    var error = AgentError(.badResult, "The agent gave no usable result: \(refusal.reason)")
                    error.result = result
                    throw error
                }
                refusals.append(refusal.reason)
                prompt = "Your result was not accepted: \(refusal.reason) Hand over the complete result again."
            }
        }
    }

    struct Refusal: Error {
        let reason: String
    }

    func read(_ result: ResultMessage) -> Result<Value, Refusal> {
        guard let output = result.structuredOutput else {
            let words = result.errors.isEmpty ? result.text ?? "" : result.errors.joined(separator: " ")
            return .failure(Refusal(reason: "There is none. \(words.prefix(500))"))
        }
        let value = isWrapped ? output["result"] ?? nil : output
        let faults = schema.validate(value)
        guard faults.isEmpty else {
            return .failure(Refusal(reason: faults.map(\.message).joined(separator: "; ") + "."))
        }
        if let reason = degeneracy(of: value, schema: schema) { return .failure(Refusal(reason: reason)) }
        do {
            return .success(try Typed.decode(Value.self, from: value))
        } catch {
            return .failure(Refusal(reason: "It can not be read: \(error)."))
        }
    }
}

/// The same with a text that is not a literal.
@_disfavoredOverload
public func query<Value: Decodable & Sendable>(
    _ prompt: String,
    returning type: Value.Type,
    options: AgentOptions = AgentOptions(),
    repairs: Int = 1
) async throws -> AgentAnswer<Value> {
    try await query(AgentPrompt(prompt), returning: type, options: options, repairs: repairs)
}
