import FoundationEssentials
import HTTP
import Linux
import Wire

/// The calling side of the Connect protocol.
package struct CallClient: Sendable {
    package let http: HTTPClient
    /// Sent with every call; `Host` at least.
    package var headers: Headers

    package init(http: HTTPClient, headers: Headers) {
        self.http = http
        self.headers = headers
    }

    /// Makes a call and waits for its answer.
    package func call<Call: UnaryCall>(_ call: Call.Type, _ request: Call.Request) async throws -> Call.Response {
        var head = RequestHead(method: "POST", target: "/\(Call.name)", headers: headers)
        head.headers["Content-Type"] = "application/json"
        let answer = try await http.send(head, body: .bytes(try CallRouter.encode(request)))
        guard answer.head.status == 200 else { throw CallError(answer: answer.head, answer.body) }
        return try CallRouter.decode(answer.body)
    }

    /// Makes a call and gives its events to `handle`; returning from it before the end closes the stream.
    package func stream<Call: StreamingCall, Result: Sendable>(
        _ call: Call.Type,
        _ request: Call.Request,
        headers extra: Headers = [:],
        _ handle: @Sendable @escaping (inout MessageReader<Call.Event>) async throws -> Result
    ) async throws -> Result {
        let envelope = Envelope(payload: try CallRouter.encode(request)).encoded
        return try await stream(call, body: .bytes(envelope), headers: extra, handle)
    }

    /// Sends `body`, which begins with the request's envelope, and gives the events of the answer to `handle`.
    func stream<Call: StreamingCall, Result: Sendable>(
        _ call: Call.Type,
        body: HTTPClient.Body,
        headers extra: Headers = [:],
        _ handle: @Sendable @escaping (inout MessageReader<Call.Event>) async throws -> Result
    ) async throws -> Result {
        var head = RequestHead(method: "POST", target: "/\(Call.name)", headers: headers)
        head.headers["Content-Type"] = "application/connect+json"
        for field in extra.fields { head.headers[field.name] = field.value }
        return try await http.withResponse(to: head, body: body) { response in
            guard response.head.status == 200 else {
                throw CallError(answer: response.head, try await response.body.collect(limit: 1024 * 1024))
            }
            var events = MessageReader<Call.Event>(response.body, needsEnd: true)
            return try await handle(&events)
        }
    }

    /// Makes a call whose request is what `send` writes, and waits for its answer.
    package func call<Call: ClientStreamingCall>(
        _ call: Call.Type,
        headers extra: Headers = [:],
        _ send: @Sendable @escaping (EventWriter<Call.Message>) async throws -> Void
    ) async throws -> Call.Response {
        var head = RequestHead(method: "POST", target: "/\(Call.name)", headers: headers)
        head.headers["Content-Type"] = "application/connect+json"
        for field in extra.fields { head.headers[field.name] = field.value }
        let body = HTTPClient.Body.stream(length: nil) { body in try await send(EventWriter(body)) }
        return try await http.withResponse(to: head, body: body) { response in
            guard response.head.status == 200 else {
                throw CallError(answer: response.head, try await response.body.collect(limit: 1024 * 1024))
            }
            var answers = MessageReader<Call.Response>(response.body, needsEnd: true)
            guard let answer = try await answers.next() else {
                throw CallError(.dataLoss, "The call '\(Call.name)' ended without an answer")
            }
            // The last message may still say that the call failed.
            while try await answers.next() != nil {}
            return answer
        }
    }
}
