import Cassettes
import HTTP
import Linux
import TLS
import Wire

/// The model as a guest sees it: the Messages API without a key. Adds the credential, counts tokens, and passes everything
/// else through as it is, byte by byte as it comes.
///
/// Where a budget limits it, a request is read first, and what it can cost is set aside before it goes out.
package final class ModelEndpoint: Sendable {
    /// What may be asked of the upstream. Other paths of the API, files and administration among them, stay closed.
    private static let allowed: Set<String> = [
        "POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /api/hello", "HEAD /api/hello",
    ]

    /// Fields that a guest's request keeps; its own credentials and all that belongs to the connection are not among them.
    private static let forwarded = ["accept", "content-type", "user-agent"]
    private static let forwardedPrefixes = ["anthropic-", "x-stainless-", "x-claude-code-", "x-app"]

    /// Fields of an answer that belong to its connection.
    private static let hopByHop = ["Keep-Alive", "Proxy-Authenticate", "Trailer", "Upgrade"]

    private static let bodyLimit = 64 * 1024 * 1024

    private let upstream: ModelUpstream
    package let purse: Purse
    private let cassette: Cassette?
    private let pace: Cassette.Pace
    private let http: HTTPClient

    /// - Parameters:
    ///   - cassette: where requests are recorded, or played from.
    ///   - pace: how fast a recording is played.
    package convenience init(
        upstream: ModelUpstream,
        purse: Purse,
        cassette: Cassette? = nil,
        pace: Cassette.Pace = .instant
    ) {
        let endpoint = upstream.endpoint
        self.init(upstream: upstream, purse: purse, cassette: cassette, pace: pace) { try await endpoint.connect() }
    }

    init(
        upstream: ModelUpstream,
        purse: Purse,
        cassette: Cassette? = nil,
        pace: Cassette.Pace = .instant,
        connect: @escaping @Sendable () async throws -> any ByteStream
    ) {
        self.upstream = upstream
        self.purse = purse
        self.cassette = cassette
        self.pace = pace
        http = HTTPClient(connect: connect)
    }

    package var usage: ModelUsage { purse.usage }

    /// Answers one request of a guest.
    ///
    /// A guest that goes away takes its upstream request with it. Once the answer has begun, an error of either side cuts it:
    /// the guest then sees that it is not whole.
    package func handle(_ exchange: Exchange) async throws {
        do {
            try await checkIsAllowed(exchange.request)
            try await forwardWhileWanted(exchange)
        } catch  where exchange.isWaiting {
            guard let refusal = refusal(for: error) else { throw error }
            let error: JSONValue = ["type": .string(refusal.type), "message": .string(refusal.message)]
            let body: JSONValue = ["type": "error", "error": error]
            try await exchange.respond(
                refusal.status,
                ["Content-Type": "application/json"],
                body: body.encoded()
            )
        }
    }

    // MARK: Refusals

    /// An answer in the form of the Messages API's own errors, which agents know how to show.
    private struct Refusal: Error {
        let status: Int
        let type: String
        let message: String
    }

    private struct ClientGone: Error {}

    /// Claude Code tries a 401 again for three minutes, and a 403 not at all: what a retry can not mend is 403 here.
    private func checkIsAllowed(_ request: RequestHead) async throws {
        guard Self.allowed.contains("\(request.method) \(request.path)") else {
            throw Refusal(
                status: 404,
                type: "not_found_error",
                message: "The gateway leads to a model, not to '\(request.path)'"
            )
        }
        let isAnswered = if cassette?.mode == .replay { true } else { await upstream.isUsable }
        guard isAnswered else {
            throw Refusal(
                status: 403,
                type: "authentication_error",
                message:
                    "No model credential: 'martlet secret set anthropic' stores one; or start the daemon with "
                    + "ANTHROPIC_API_KEY, or with ANTHROPIC_BASE_URL for a model of your own"
            )
        }
    }

    private func refusal(for error: any Error) -> Refusal? {
        switch error {
        case let refusal as Refusal: refusal
        case is BudgetExceeded, is UnknownPrice:
            Refusal(status: 403, type: "billing_error", message: "\(error)")
        case let error as RequestFacts.Unclear:
            Refusal(status: 400, type: "invalid_request_error", message: error.message)
        // What is wrong with the guest's own request.
        case let error as HTTPError where error.status < 500:
            Refusal(
                status: error.status,
                type: error.status == 413 ? "request_too_large" : "invalid_request_error",
                message: error.message
            )
        case is HTTPError, is LinuxError, is TLSError:
            Refusal(
                status: 502,
                type: "api_error",
                message: "The model at \(upstream.baseURL) can not be reached: \(error)"
            )
        default: nil
        }
    }

    // MARK: Passing on

    private func forwardWhileWanted(_ exchange: Exchange) async throws {
        // Only behind the request's body can the end of the guest's connection be seen.
        let isRead = Latch<Void>()
        if exchange.body.isFinished { isRead.set(()) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { [self] in
                try await forward(exchange, isRead)
                return true
            }
            group.addTask {
                try await isRead.value()
                try await exchange.clientGone()
                return false
            }
            defer { group.cancelAll() }
            guard try await group.next() == true else { throw ClientGone() }
        }
    }

    private func forward(_ exchange: Exchange, _ isRead: Latch<Void>) async throws {
        // Rebuilt from its parts: an absolute target would name another server than the one that gets the credential.
        var head = RequestHead(
            method: exchange.request.method,
            target: upstream.endpoint.pathPrefix + exchange.request.originTarget,
            headers: ["Host": upstream.endpoint.authority]
        )
        for field in exchange.request.headers.fields where Self.isForwarded(field.name) {
            head.headers.add(field.name, field.value)
        }
        // Usage is read from the answer as it passes.
        head.headers["Accept-Encoding"] = "identity"
        if let field = await upstream.credentialField { head.headers[field.name] = field.value.exposed { $0 } }
        let isMessage = exchange.request.path == "/v1/messages"
        if cassette != nil || isMessage && purse.isLimited {
            let bytes = try await exchange.body.collect(limit: Self.bodyLimit)
            isRead.set(())
            if try await play(bytes, exchange) { return }
            return try await forwardWhole(head, bytes, exchange, isMessage: isMessage)
        }
        let incoming = exchange.body
        let length = incoming.remaining
        if let length, length > Self.bodyLimit { throw Self.tooLarge }
        let body: HTTPClient.Body =
            length == 0
            ? .none
            : .stream(length: length) { outgoing in
                try await Self.copy(incoming, to: outgoing)
                isRead.set(())
            }
        let charged = Latch<Charge>()
        // What was read is written down, also when the answer is cut on either side.
        defer { record(charged) }
        try await http.withResponse(to: head, body: body) { [self] response in
            let isMetered = isMessage && response.head.status == 200
            try await passOn(response, to: exchange, isMetered ? Metering(charged: charged) : nil)
        }
    }

    /// Answers from the cassette, if there is one with an answer; false when the upstream is to be asked.
    private func play(_ bytes: [UInt8], _ exchange: Exchange) async throws -> Bool {
        guard let cassette, cassette.mode != .record else { return false }
        let request = cassette.request(exchange.request.method, exchange.request.path, bytes)
        if let track = cassette.next(request) {
            try await track.play(to: exchange, pace)
            return true
        }
        guard cassette.mode == .replay else { return false }
        // Only a check of the connection, which may come at any time.
        if exchange.request.path == "/api/hello" {
            try await exchange.respond(200)
            return true
        }
        throw Refusal(status: 400, type: "invalid_request_error", message: cassette.miss(request))
    }

    /// Forwards a request that was read whole, with no more tokens of output than there is money for.
    private func forwardWhole(_ head: RequestHead, _ bytes: [UInt8], _ exchange: Exchange, isMessage: Bool) async throws
    {
        let isLimited = isMessage && purse.isLimited
        let facts = isLimited ? try RequestFacts(bytes) : isMessage ? try? RequestFacts(bytes) : nil
        var reservation: Reservation?
        var body = bytes
        if isLimited, let facts {
            let reserved = try await purse.reserve(facts)
            if let place = facts.maxTokensPlace, let asked = facts.maxTokens, reserved.grant.output < asked {
                body.replaceSubrange(place, with: String(reserved.grant.output).utf8)
            }
            reservation = reserved
        }
        let metering = Metering(charged: Latch(), facts: facts, reservation: reservation)
        let started = ContinuousClock.now
        defer { record(metering.charged) }
        do {
            try await http.withResponse(to: head, body: body.isEmpty ? .none : .bytes(body)) { [self] response in
                let isMetered = isMessage && response.head.status == 200
                if !isMetered { metering.reservation?.settle(.zero) }
                try await passOn(response, to: exchange, isMetered ? metering : nil, recording: (bytes, started))
            }
        } catch let error as CancellationError {
            // The guest lost patience, but the upstream may have read the request: a guest could else have that for nothing.
            if let facts, metering.reservation?.isOpen == true {
                charge(Charge(unanswered: facts, purse.prices), metering)
            }
            throw error
        } catch {
            metering.reservation?.settle(.zero)
            throw error
        }
    }

    // MARK: Metering

    private struct Metering: Sendable {
        /// Set when the request was charged.
        let charged: Latch<Charge>
        var facts: RequestFacts?
        var reservation: Reservation?
    }

    private func charge(_ charge: Charge, _ metering: Metering) {
        purse.charge(charge, metering.reservation, byteCount: metering.facts?.byteCount)
        metering.charged.set(charge)
    }

    private func record(_ charged: Latch<Charge>) {
        guard let charge = charged.current else { return }
        // The task's owner is the record: the guest does not wait for it, and cancelling the request does not end it.
        Task { [purse] in await purse.record(charge) }
    }

    /// - Parameter recording: the request's body, and when it was sent, where the answer is to be kept if there is a cassette.
    private func passOn(
        _ response: HTTPClient.Response,
        to exchange: Exchange,
        _ metering: Metering?,
        recording: (body: [UInt8], started: ContinuousClock.Instant)? = nil
    ) async throws {
        var headers = response.head.headers
        let length = headers["Content-Length"].flatMap { Int($0) }
        for name in Self.hopByHop { headers[name] = nil }
        let isEventStream = headers["Content-Type"]?.lowercased().hasPrefix("text/event-stream") ?? false
        let coding = headers["Content-Encoding"]?.lowercased() ?? "identity"
        let writer = try exchange.start(response.head.status, headers, length: length)
        var recorder =
            cassette == nil
            ? nil
            : recording.map { recording in
                var recorder = TrackRecorder(
                    method: exchange.request.method,
                    path: exchange.request.path,
                    body: recording.body,
                    at: recording.started
                )
                recorder.begin(status: response.head.status, headers: headers.fields.map { ($0.name, $0.value) })
                return recorder
            }
        var meter: UsageMeter? = UsageMeter(
            isEventStream: isEventStream,
            isReadable: metering != nil && coding == "identity"
        )
        func count() {
            guard let metering, var read = meter.take() else { return }
            read.finish()
            charge(Charge(read, facts: metering.facts, grant: metering.reservation?.grant, purse.prices), metering)
        }
        // What was read is counted, also when the stream is cut on either side.
        defer { count() }
        try await writer.flush()
        while true {
            let bytes = try await response.body.read()
            meter?.add(bytes)
            recorder?.add(bytes)
            // Before the guest sees the end of its answer and may ask for more.
            if response.body.isFinished { count() }
            if bytes.isEmpty { break }
            try await writer.write(bytes)
        }
        if let cassette, let track = recorder?.finish(cassette.redaction) {
            // Before the guest sees the end: a cassette with a hole would be found out only when it is played.
            try await BlockingPool.run { try cassette.add(track) }
        }
        try await writer.finish()
    }

    private static func isForwarded(_ name: String) -> Bool {
        let name = name.lowercased()
        return forwarded.contains(name) || forwardedPrefixes.contains { name.hasPrefix($0) }
    }

    private static let tooLarge = HTTPError(413, "The request is larger than \(bodyLimit) bytes")

    private static func copy(_ source: BodyReader, to destination: BodyWriter) async throws {
        var left = bodyLimit
        while true {
            let bytes = try await source.read()
            if bytes.isEmpty { return }
            left -= bytes.count
            if left < 0 { throw tooLarge }
            try await destination.write(bytes)
        }
    }
}
