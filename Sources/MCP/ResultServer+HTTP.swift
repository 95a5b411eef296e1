import HTTP
import Wire

extension ResultServer {
    /// Answers one HTTP request, whatever its path, as the "streamable HTTP" transport asks; every answer is plain JSON.
    ///
    /// There are no sessions, so none is named and each request may come over another connection.
    package func handle(_ exchange: Exchange) async throws {
        let request = exchange.request
        if request.isFromForeignPage { return try await exchange.respond(403) }
        switch request.method {
        case "POST": try await handlePost(exchange)
        case "DELETE": try await exchange.respond(200)
        default: try await exchange.respond(405, ["Allow": "POST, DELETE"])
        }
    }

    private func handlePost(_ exchange: Exchange) async throws {
        let bytes = try await exchange.body.collect(limit: Self.messageLimit)
        let message: JSONValue
        do {
            message = try JSONValue(parsing: bytes)
        } catch {
            return try await refuse(exchange, RPCError(.parseError, "The body is not JSON: \(error)"), id: nil)
        }
        if let error = Self.contradiction(message, exchange.request.headers) {
            return try await refuse(exchange, error, id: message["id"] ?? nil)
        }
        let answer = await answer(message)
        guard let reply = answer.reply else { return try await exchange.respond(202) }
        let status = answer.statelessError?.httpStatus ?? 200
        try await exchange.respond(status, ["Content-Type": "application/json"], body: reply.encoded())
    }

    private func refuse(_ exchange: Exchange, _ error: RPCError, id: JSONValue) async throws {
        let headers: Headers = ["Content-Type": "application/json"]
        try await exchange.respond(error.httpStatus, headers, body: error.reply(to: id).encoded())
    }

    /// Where the head says something else than the body: whoever routed by the head was told a lie.
    private static func contradiction(_ message: JSONValue, _ headers: Headers) -> RPCError? {
        guard let version = headers["MCP-Protocol-Version"] else { return nil }
        guard ProtocolVersion.isKnown(version) else { return .unsupportedVersion(.string(version)) }
        guard version == ProtocolVersion.stateless, message["id"] != nil else { return nil }
        let params = message["params"]
        let pairs = [
            ("MCP-Protocol-Version", params?["_meta"]?[ResultDialogue.versionKey]?.string),
            ("Mcp-Method", message["method"]?.string),
            ("Mcp-Name", message["method"] == "tools/call" ? params?["name"]?.string : nil),
        ]
        for (name, expected) in pairs {
            // A name that is no plain text comes encoded; it is no name of ours, which is said when the tool is looked for.
            guard let said = headers[name], let expected, !said.hasPrefix("=?base64?") else { continue }
            if said != expected { return RPCError(.headerMismatch, "The header '\(name)' does not match the body") }
        }
        return nil
    }
}
