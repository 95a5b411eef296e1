import FoundationEssentials
import Synchronization
import Wire

/// The result tool as an MCP server, for one run: it answers messages and keeps every call of the tool.
///
/// The messages come by HTTP (``handle(_:)``) or as lines (``serve(_:_:)``), and any number at once.
package final class ResultServer: Sendable {
    /// One call of the tool.
    package struct Attempt: Sendable {
        package let time: Date
        package let arguments: JSONValue
        /// The result without the tool's wrapping; nil when the call was refused.
        package let result: JSONValue?
        /// What is wrong and where, as the agent was told; empty when the call was accepted.
        package let faults: [String]
        /// The id that the agent's model gave the call, where the agent tells it.
        package let toolUseID: String?

        package var isValid: Bool { result != nil }
    }

    /// The most calls that are looked at and kept: an agent that goes round in circles shall not fill the memory.
    package static let attemptLimit = 100
    /// The largest message in bytes.
    package static let messageLimit = 16 * 1024 * 1024

    package let tool: ResultTool
    private let dialogue: ResultDialogue
    private let onAttempt: @Sendable (Attempt) async -> Void
    private let record = Mutex<[Attempt]>([])

    /// - Parameters:
    ///   - version: the server's version as clients are told it.
    ///   - onAttempt: told of each call of the tool, before its answer leaves.
    package init(
        _ tool: ResultTool,
        version: String = "1",
        onAttempt: @escaping @Sendable (Attempt) async -> Void = { _ in }
    ) {
        self.tool = tool
        dialogue = ResultDialogue(tool: tool, version: version)
        self.onAttempt = onAttempt
    }

    /// Every call so far, in order.
    package var attempts: [Attempt] { record.withLock { $0 } }

    /// The result of the last call that was accepted.
    package var accepted: JSONValue? { record.withLock { $0.last(where: \.isValid)?.result } }

    /// Answers one message, or a batch of them.
    ///
    /// - Returns: the reply; nil for notifications, to which nothing is said.
    package func reply(to message: JSONValue) async -> JSONValue? {
        await answer(message).reply
    }

    func answer(_ message: JSONValue) async -> ResultDialogue.Answer {
        guard let batch = message.array else { return await answerOne(message) }
        guard !batch.isEmpty else {
            return .init(reply: RPCError(.invalidRequest, "The batch is empty").reply(to: nil))
        }
        var replies: [JSONValue] = []
        for message in batch { if let reply = await answerOne(message).reply { replies.append(reply) } }
        return .init(reply: replies.isEmpty ? nil : .array(replies))
    }

    private func answerOne(_ message: JSONValue) async -> ResultDialogue.Answer {
        var answer = dialogue.answer(message)
        guard let call = answer.call else { return answer }
        let attempt = Attempt(call)
        let isKept = record.withLock { record in
            guard record.count < Self.attemptLimit else { return false }
            record.append(attempt)
            return true
        }
        if isKept {
            await onAttempt(attempt)
        } else if case .object(var reply)? = answer.reply, case .object(var result)? = reply["result"] {
            let text = "The tool was called \(Self.attemptLimit) times; further calls are not looked at."
            result.merge(ResultDialogue.toolResult(text, isError: true)) { _, refusal in refusal }
            reply["result"] = .object(result)
            answer.reply = .object(reply)
        }
        return answer
    }
}

extension ResultServer.Attempt {
    fileprivate init(_ call: ResultDialogue.Call) {
        time = Date()
        arguments = call.arguments
        toolUseID = call.toolUseID
        switch call.verdict {
        case .accepted(let result): (self.result, faults) = (result, [])
        case .refused(let faults): (self.result, self.faults) = (nil, faults)
        }
    }
}
