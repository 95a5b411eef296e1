import HTTP
import Linux
import Synchronization
import TLS
import Wire

/// The model as a guest sees it: the Messages API without a key. Adds the credential, counts tokens, and passes everything
/// else through as it is, byte by byte as it comes.
package final class ModelEndpoint: Sendable {
    /// What may be asked of the upstream. Other paths of the API, files and administration among them, stay closed.
    private static let allowed: Set<String> = [
        "POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /api/hello", "HEAD /api/hello",
    ]

    /// Fields that a guest's request keeps; its own credentials and all that belongs to the connection are not among them.
    private static let forwarded = ["Accept", "Content-Type", "User-Agent"]
    private static let forwardedPrefixes = ["anthropic-", "x-stainless-", "x-claude-code-", "x-app"]

    /// Fields of an answer that belong to its connection.
    private static let hopByHop = [
        "Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "Trailer", "Content-Length",
    ]

    private let upstream: ModelUpstream
    private let budgetUSD: Double?
    private let http: HTTPClient
    private let counted = Mutex(ModelUsage())

    package init(upstream: ModelUpstream, budgetUSD: Double? = nil) {
        self.upstream = upstream
        self.budgetUSD = budgetUSD
        let endpoint = upstream.endpoint
        http = HTTPClient { try await endpoint.connect() }
    }

    package var usage: ModelUsage { counted.withLock { $0 } }

    /// Answers one request of a guest.
    package func handle(_ exchange: Exchange) async throws {
        let request = exchange.request
        guard Self.allowed.contains("\(request.method) \(request.path)") else {
            return try await refuse(
                exchange,
                404,
                "not_found_error",
                "The gateway leads to a model, not to '\(request.path)'"
            )
        }
        guard upstream.isUsable else {
            return try await refuse(
                exchange,
                401,
                "authentication_error",
                "No model credential: start the daemon with ANTHROPIC_API_KEY, or with ANTHROPIC_BASE_URL for a model of your own"
            )
        }
        if let budgetUSD, let spent = usage.costUSD, spent >= budgetUSD {
            // 403 is not tried again by Claude Code.
            return try await refuse(
                exchange,
                403,
                "billing_error",
                "The run's budget of \(budgetUSD) dollars is used up"
            )
        }
        do {
            try await forward(exchange)
        } catch let error as LinuxError {
            try await refuse(
                exchange,
                502,
                "api_error",
                "The model at \(upstream.baseURL) can not be reached: \(error)"
            )
        } catch let error as TLSError {
            try await refuse(
                exchange,
                502,
                "api_error",
                "The model at \(upstream.baseURL) can not be reached: \(error)"
            )
        }
    }

    private func forward(_ exchange: Exchange) async throws {
        var head = RequestHead(
            method: exchange.request.method,
            target: upstream.endpoint.pathPrefix + exchange.request.target,
            headers: ["Host": upstream.endpoint.authority]
        )
        for field in exchange.request.headers.fields where Self.isForwarded(field.name) {
            head.headers.add(field.name, field.value)
        }
        // Usage is read from the answer as it passes.
        head.headers["Accept-Encoding"] = "identity"
        switch upstream.credential {
        case .apiKey(let key): head.headers["x-api-key"] = key.exposed { $0 }
        case .token(let token): head.headers["Authorization"] = token.exposed { "Bearer \($0)" }
        case .none: break
        }
        let incoming = exchange.body
        let body: HTTPClient.Body
        switch try BodyFraming.request(exchange.request) {
        case .none: body = .none
        case .length(let length): body = .stream(length: length) { try await Self.copy(incoming, to: $0) }
        case .chunked, .untilClose: body = .stream(length: nil) { try await Self.copy(incoming, to: $0) }
        }
        let isMessage = exchange.request.path == "/v1/messages"
        try await http.withResponse(to: head, body: body) { [self] response in
            try await passOn(response, to: exchange, isMetered: isMessage)
        }
    }

    private func passOn(_ response: HTTPClient.Response, to exchange: Exchange, isMetered: Bool) async throws {
        var headers = response.head.headers
        let length = headers["Content-Length"].flatMap { Int($0) }
        for name in Self.hopByHop { headers[name] = nil }
        let isEventStream = headers["Content-Type"]?.lowercased().hasPrefix("text/event-stream") ?? false
        let writer = try exchange.start(response.head.status, headers, length: isEventStream ? nil : length)
        if exchange.request.method == "HEAD" { return try await writer.finish() }
        var meter = UsageMeter(isEventStream: isEventStream)
        // What was counted stays counted, also when the stream is cut on either side.
        defer {
            if isMetered, response.head.status == 200 {
                meter.finish()
                counted.withLock { [meter] in $0.add(meter.tokens, model: meter.model) }
            }
        }
        try await writer.flush()
        while true {
            let bytes = try await response.body.read()
            if bytes.isEmpty { break }
            meter.add(bytes)
            try await writer.write(bytes)
        }
        try await writer.finish()
    }

    private static func isForwarded(_ name: String) -> Bool {
        let lower = name.lowercased()
        return forwarded.contains { $0.lowercased() == lower } || forwardedPrefixes.contains { lower.hasPrefix($0) }
    }

    private static func copy(_ source: BodyReader, to destination: BodyWriter) async throws {
        while true {
            let bytes = try await source.read()
            if bytes.isEmpty { return }
            try await destination.write(bytes)
        }
    }

    /// Answers in the form of the Messages API's own errors, which agents know how to show.
    private func refuse(_ exchange: Exchange, _ status: Int, _ type: String, _ message: String) async throws {
        let body: JSONValue = ["type": "error", "error": ["type": .string(type), "message": .string(message)]]
        try await exchange.respond(status, ["Content-Type": "application/json"], body: body.encoded())
    }
}
