// The gateway as its clients see it: one server that speaks "streamable HTTP" at `/mcp`, to whoever has the token.
//
//     POST    a message; answered with JSON, or with a stream where the client asked for the request's progress
//     GET     the stream of what is said to everybody
//     DELETE  the end of the session

import HTTP
import Linux
import Wire

struct GatewayServer: Sendable {
    private static let json: Headers = ["Content-Type": "application/json"]
    private static let events: Headers = ["Content-Type": "text/event-stream", "Cache-Control": "no-cache"]
    private static let pause = Duration.seconds(15)

    let hub: Hub
    let sessions: GatewaySessions
    /// Nil lets nobody in by ``handle(_:)``.
    let token: Secret?
    let version: String

    func handle(_ exchange: Exchange) async throws {
        let request = exchange.request
        if request.path == "/health" { return try await exchange.respond(200) }
        guard isAuthorised(request.headers["Authorization"]) else {
            return try await exchange.respond(
                401,
                ["WWW-Authenticate": "Bearer", "Content-Type": "application/json"],
                body: Array(#"{"error":"The bearer token is missing or wrong"}"#.utf8)
            )
        }
        guard request.path == "/mcp" else {
            throw HTTPError(404, "There is nothing at '\(request.path)'; the gateway is at /mcp")
        }
        try await serve(exchange)
    }

    /// Answers whoever was let in.
    func serve(_ exchange: Exchange) async throws {
        switch exchange.request.method {
        case "POST": try await post(exchange)
        case "GET": try await listen(exchange)
        case "DELETE":
            guard let session = try await session(exchange) else { return }
            _ = sessions.remove(session.id)
            try await exchange.respond(200)
        default: try await exchange.respond(405, ["Allow": "POST, GET, DELETE"])
        }
    }

    private func isAuthorised(_ field: String?) -> Bool {
        guard let field, field.lowercased().hasPrefix("bearer ") else { return false }
        return token?.matches(String(field.dropFirst("bearer ".count).drop { $0 == " " })) ?? false
    }

    private func refuse(_ exchange: Exchange, _ status: Int, _ failure: RPCFailure, id: JSONValue = nil) async throws {
        try await exchange.respond(status, Self.json, body: Message.reply(id, .failure(failure)).encoded())
    }

    /// The session that the request names; nil when it was answered with what is wrong.
    private func session(_ exchange: Exchange) async throws -> GatewaySession? {
        guard let id = exchange.request.headers["Mcp-Session-Id"] else {
            try await refuse(
                exchange,
                400,
                RPCFailure(RPCFailure.invalidRequest, "The header 'Mcp-Session-Id' is missing; begin with 'initialize'")
            )
            return nil
        }
        guard let session = sessions[id] else {
            // The status by which clients know that they have to begin anew.
            try await refuse(exchange, 404, RPCFailure(RPCFailure.invalidRequest, "There is no such session any more"))
            return nil
        }
        session.use()
        return session
    }

    // MARK: Messages

    private func post(_ exchange: Exchange) async throws {
        let bytes = try await exchange.body.collect(limit: ServerLimits.message)
        guard let value = try? JSONValue(parsing: bytes), let message = Message(value) else {
            return try await refuse(
                exchange,
                400,
                RPCFailure(RPCFailure.invalidRequest, "The body is no message of JSON-RPC 2.0")
            )
        }
        if let revision = exchange.request.headers["MCP-Protocol-Version"], !ProtocolRevision.all.contains(revision) {
            // Such as the stateless one, which some clients try before they begin with a handshake.
            let failure = RPCFailure(
                RPCFailure.invalidRequest,
                "The protocol's revision '\(revision)' is not spoken here"
            )
            return try await refuse(exchange, 400, failure, id: value["id"] ?? nil)
        }
        switch message {
        case .request(let id, "initialize", let params):
            let session = sessions.add()
            var headers = Self.json
            headers["Mcp-Session-Id"] = session.id
            let reply = Message.reply(id, .success(greeting(params)))
            try await exchange.respond(200, headers, body: reply.encoded())
        case .request(let id, let method, let params):
            // What the stateless revision begins with: such a client goes on with a handshake when nobody knows it.
            if method == "server/discover" {
                return try await refuse(
                    exchange,
                    200,
                    RPCFailure(RPCFailure.methodNotFound, "There is no method '\(method)' here"),
                    id: id
                )
            }
            guard let session = try await session(exchange) else { return }
            try await answer(exchange, session, id, method, params)
        case .notification(let method, let params):
            guard let session = try await session(exchange) else { return }
            if method == "notifications/cancelled", let id = params["requestId"] { session.cancel(id) }
            try await exchange.respond(202)
        case .response:
            // The gateway asks its clients nothing.
            try await exchange.respond(202)
        }
    }

    private func greeting(_ params: JSONValue) -> JSONValue {
        var greeting: [String: JSONValue] = [
            "protocolVersion": .string(ProtocolRevision.agreed(params["protocolVersion"]?.string ?? "")),
            "capabilities": hub.capabilities,
            "serverInfo": ["name": "mcp-gateway", "version": .string(version)],
        ]
        greeting["instructions"] = hub.instructions.map { .string($0) }
        return .object(greeting)
    }

    private func answer(
        _ exchange: Exchange,
        _ session: GatewaySession,
        _ id: JSONValue,
        _ method: String,
        _ params: JSONValue
    ) async throws {
        let token = params["_meta"]?["progressToken"]
        let streams = exchange.request.headers["Accept"]?.contains("text/event-stream") ?? false
        guard let token, streams else {
            let result = await result(session, id, method, params, progress: nil)
            return try await exchange.respond(200, Self.json, body: Message.reply(id, result).encoded())
        }
        // Of progress only the newest counts, where the client reads slowly.
        let (progress, feed) = AsyncStream.makeStream(of: JSONValue.self, bufferingPolicy: .bufferingNewest(64))
        let writer = try exchange.start(200, Self.events)
        async let result: Result<JSONValue, RPCFailure> = {
            defer { feed.finish() }
            return await self.result(session, id, method, params) { said in
                var members = said.object ?? [:]
                members["progressToken"] = token
                feed.yield(Message.notification("notifications/progress", .object(members)))
            }
        }()
        try await writer.flush()
        for await message in progress {
            try await Self.write(message, writer)
            try await writer.flush()
        }
        try await Self.write(Message.reply(id, await result), writer)
        try await writer.finish()
    }

    private func result(
        _ session: GatewaySession,
        _ id: JSONValue,
        _ method: String,
        _ params: JSONValue,
        progress: (@Sendable (JSONValue) -> Void)?
    ) async -> Result<JSONValue, RPCFailure> {
        do {
            return .success(
                try await session.cancellable(id) { [hub] in
                    try await hub.result(of: method, params, progress: progress)
                }
            )
        } catch let failure as RPCFailure {
            return .failure(failure)
        } catch {
            return .failure(RPCFailure(RPCFailure.unavailable, "'\(method)' could not be answered: \(error)"))
        }
    }

    // MARK: Listening

    private func listen(_ exchange: Exchange) async throws {
        guard let session = try await session(exchange) else { return }
        let sayings = session.listen()
        let writer = try exchange.start(200, Self.events)
        try await writer.flush()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await saying in sayings {
                    switch saying {
                    case .message(let message): try await Self.write(message, writer)
                    case .nothing: try await writer.write(Array(": \n\n".utf8))
                    }
                    try await writer.flush()
                }
            }
            group.addTask {
                while true {
                    try await EventLoop.shared.sleep(for: Self.pause)
                    session.say(.nothing)
                }
            }
            group.addTask { try await exchange.clientGone() }
            defer { group.cancelAll() }
            try await group.next()
        }
        try await writer.finish()
    }

    private static func write(_ message: JSONValue, _ writer: BodyWriter) async throws {
        try await writer.write(Array("event: message\ndata: ".utf8) + message.encoded() + Array("\n\n".utf8))
    }
}
