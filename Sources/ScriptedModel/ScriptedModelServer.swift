import HTTP
import Linux
import Synchronization
import Wire

/// Serves the Anthropic Messages API from a script.
///
/// What is said depends on the request alone, so any number of agents may be served at once. The one thing remembered is how
/// often each session has met each fault.
package struct ScriptedModelServer: Sendable {
    private let script: Script
    private let log: @Sendable (Played) -> Void
    private let faults = FaultCounts()

    /// - Parameter log: told of every request, before it is answered.
    package init(script: Script, log: @escaping @Sendable (Played) -> Void = { _ in }) {
        self.script = script
        self.log = log
    }

    /// Serves until the task is cancelled or the listener is closed.
    package func run(on listener: Listener) async throws {
        try await HTTPServer(answer: Self.answer) { try await handle($0) }.run(on: listener)
    }

    /// Answers one request.
    ///
    /// A path may have anything before `/v1/messages`, as a base URL with a path has.
    package func handle(_ exchange: Exchange) async throws {
        let (method, path) = (exchange.request.method, exchange.request.path)
        if path.hasSuffix("/api/hello"), method == "GET" || method == "HEAD" {
            note(exchange, .hello)
            try await exchange.respond(200, Self.json, body: JSONValue.object(["message": "hello"]).encoded())
        } else if path.hasSuffix("/v1/messages/count_tokens"), method == "POST" {
            let count = max(1, try await exchange.body.collect(limit: Self.bodyLimit).count / 4)
            note(exchange, .tokenCount)
            let answer: JSONValue = ["input_tokens": .integer(Int64(count))]
            try await exchange.respond(200, Self.json, body: answer.encoded())
        } else if path.hasSuffix("/v1/messages"), method == "POST" {
            try await handleMessages(exchange)
        } else {
            try await refuse(exchange, 404, "The scripted model has no '\(method) \(path)'")
        }
    }

    private func handleMessages(_ exchange: Exchange) async throws {
        let bytes = try await exchange.body.collect(limit: Self.bodyLimit)
        let body: JSONValue
        do {
            body = try JSONValue(parsing: bytes)
        } catch {
            return try await refuse(exchange, 400, "The request is not JSON: \(error)")
        }
        guard let request = ModelRequest(body) else {
            return try await refuse(exchange, 400, "The request has no 'model' or no 'messages'")
        }
        let agent = exchange.request.headers[Played.agentHeader]
        if request.asksForTitle, agent == nil {
            note(exchange, .title, request)
            return try await play(titleReply(to: request), request, exchange)
        }
        do {
            let conversation = try script.conversation(for: request.prompt, isSubagent: agent != nil)
            try await play(conversation, request, exchange)
        } catch let error as ScriptError {
            try await refuse(exchange, 400, error.message)
        }
    }

    private func play(_ conversation: Conversation, _ request: ModelRequest, _ exchange: Exchange) async throws {
        let index = request.stepDue(in: conversation)
        let step = conversation.steps.indices.contains(index) ? conversation.steps[index] : nil
        let session = Played.session(exchange.request, request)
        if let fault = step?.fault, request.isStreaming || !fault.needsStream,
            faults.isDue(fault, key: "\(session) \(exchange.request.path) \(conversation.key) \(index)")
        {
            note(exchange, .fault(step: index, conversation: conversation.name), request)
            try await Pause(exchange).wait(step?.delay.head ?? .zero)
            // What comes before the fault is the step's own answer, as far as there is one.
            let reply =
                fault.needsStream
                ? try Reply(step: index, of: conversation, to: request, model: script.model) : nil
            return try await FaultyAnswer(fault: fault, exchange: exchange).play(reply, step?.delay ?? Step.Delay())
        }
        let reply = try Reply(step: index, of: conversation, to: request, model: script.model)
        note(exchange, .step(index, conversation: conversation.name), request)
        try await play(reply, request, exchange, step?.delay ?? Step.Delay())
    }

    private func play(
        _ reply: Reply,
        _ request: ModelRequest,
        _ exchange: Exchange,
        _ delay: Step.Delay = Step.Delay()
    ) async throws {
        let pause = Pause(exchange)
        try await pause.wait(delay.head)
        guard request.isStreaming else {
            return try await exchange.respond(200, Self.json, body: reply.message.encoded())
        }
        let writer = try exchange.start(200, Self.eventStream)
        for event in reply.events {
            try await pause.wait(delay.event)
            try await writer.write(event.encoded)
        }
        try await writer.finish()
    }

    private func titleReply(to request: ModelRequest) -> Reply {
        let title: JSONValue = ["title": .string(script.title)]
        return Reply(
            id: "msg_title",
            model: request.model,
            blocks: [.text(title.text())],
            stopReason: "end_turn",
            usage: Step.Usage()
        )
    }

    private func note(_ exchange: Exchange, _ act: Played.Act, _ request: ModelRequest? = nil) {
        log(Played(exchange.request, act, request))
    }

    private func refuse(_ exchange: Exchange, _ status: Int, _ message: String) async throws {
        note(exchange, .refused(status, message))
        try await Self.answer(HTTPError(status, message), exchange)
    }

    private static let bodyLimit = 64 * 1024 * 1024
    static let json: Headers = ["Content-Type": "application/json"]
    static let eventStream: Headers = ["Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"]

    /// Tells an error as the API does.
    @Sendable private static func answer(_ error: any Error, _ exchange: Exchange) async throws {
        let status = (error as? HTTPError)?.status ?? 500
        let body = errorBody(Fault.type(forStatus: status), "\(error)")
        var headers = json
        // Nothing that is refused here gets better by trying again.
        headers["X-Should-Retry"] = "false"
        try await exchange.respond(status, headers, body: body.encoded())
    }

    static func errorBody(_ type: String, _ message: String) -> JSONValue {
        ["type": "error", "error": ["type": .string(type), "message": .string(message)]]
    }
}

/// How often each session has met each fault.
private final class FaultCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Whether the fault happens now; counts it if so.
    func isDue(_ fault: Fault, key: String) -> Bool {
        guard let times = fault.times else { return true }
        return counts.withLock { counts in
            let count = counts[key, default: 0]
            guard count < times else { return false }
            counts[key] = count + 1
            return true
        }
    }
}
