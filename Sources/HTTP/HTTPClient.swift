import Linux
import Synchronization

/// An HTTP/1.1 client of one server, which keeps idle connections.
package final class HTTPClient: Sendable {
    /// What goes out with a request.
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Written while the response is already read. `length` nil means chunks.
        case stream(length: Int?, @Sendable (BodyWriter) async throws -> Void)
    }

    /// What came back. The body is valid only inside the closure it was given to.
    package struct Response: Sendable {
        package let head: ResponseHead
        package let body: BodyReader
    }

    private struct Idle {
        let line: Wireline
        let since: ContinuousClock.Instant
    }

    private let connect: @Sendable () async throws -> any ByteStream
    private let limits: HTTPLimits
    private let idle = Mutex<[Idle]>([])
    private let idleLimit: Int

    package init(
        limits: HTTPLimits = HTTPLimits(),
        idleLimit: Int = 8,
        connect: @escaping @Sendable () async throws -> any ByteStream
    ) {
        self.connect = connect
        self.limits = limits
        self.idleLimit = idleLimit
    }

    deinit {
        closeIdle()
    }

    /// Counts the kept connections as just used, for a server that did not run meanwhile.
    package func renewIdle() {
        idle.withLock { idle in
            idle = idle.map { Idle(line: $0.line, since: .now) }
        }
    }

    package func closeIdle() {
        let kept = idle.withLock { idle in
            defer { idle = [] }
            return idle
        }
        for kept in kept { kept.line.close() }
    }

    /// Sends a request and gives the response to `handle` as soon as its head is there.
    ///
    /// The connection is kept for the next request when both bodies were finished, else closed.
    ///
    /// - Throws: ``HTTPError`` with status 502 when the server answers with something that is no HTTP, or not at all.
    package func withResponse<Result: Sendable>(
        to request: RequestHead,
        body: Body = .none,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> Result {
        do {
            if let kept = takeIdle() {
                do {
                    return try await exchange(request, body, on: kept, handle)
                } catch is ConnectionEnded where request.isIdempotent && body.canBeSentAgain {
                    // The server closed the kept connection at this very moment. What may be done twice is asked again.
                }
            }
            return try await exchange(request, body, on: Wireline(try await connect()), handle)
        } catch let error as ConnectionEnded {
            throw HTTPError(502, error.description)
        }
    }

    /// Sends a request and collects the answer.
    package func send(
        _ request: RequestHead,
        body: Body = .none,
        limit: Int = 64 * 1024 * 1024
    ) async throws -> (head: ResponseHead, body: [UInt8]) {
        try await withResponse(to: request, body: body) { response in
            (response.head, try await response.body.collect(limit: limit))
        }
    }

    /// Sends an upgrade request on a connection of its own, which becomes the caller's.
    ///
    /// - Throws: ``HTTPError`` with the server's status when it does not switch.
    package func upgrade(_ request: RequestHead, to name: String) async throws -> any ByteStream {
        try await switchProtocols(request, to: name).stream
    }

    /// As ``upgrade(_:to:)``, for who has to look at the server's answer, too.
    package func switchProtocols(
        _ request: RequestHead,
        to name: String
    ) async throws -> (head: ResponseHead, stream: any ByteStream) {
        let line = Wireline(try await connect())
        var request = request
        request.removeFraming()
        request.headers["Connection"] = "Upgrade"
        request.headers["Upgrade"] = name
        do {
            try await line.write(request.encoded())
            let head = try await readHead(on: line)
            guard head.status == 101 else {
                let body = try body(of: head, to: request.method, on: line)
                throw HTTPError(
                    head.status < 400 ? 502 : head.status,
                    "The server answered \(head.status) instead of switching to '\(name)'",
                    answer: (try? await withDeadline(.seconds(10)) { try await body.collect(limit: 65_536) }) ?? []
                )
            }
            return (head, line)
        } catch {
            line.close()
            throw error is ConnectionEnded ? HTTPError(502, "\(error)") : error
        }
    }

    /// What a server makes of a request to switch protocols.
    package enum UpgradeAnswer: Sendable {
        /// It switched; from here on the connection is not HTTP.
        case switched(ResponseHead, any ByteStream)
        /// It answered like any other request.
        case declined(Response)
    }

    /// Passes somebody else's upgrade request on, on a connection of its own, which is closed when `handle` returns.
    ///
    /// - Parameter request: with the `Connection` and `Upgrade` fields that say what to switch to; it has no body.
    package func withUpgrade<Result: Sendable>(
        _ request: RequestHead,
        _ handle: @Sendable @escaping (UpgradeAnswer) async throws -> Result
    ) async throws -> Result {
        let line = Wireline(try await connect())
        defer { line.close() }
        var request = request
        request.removeFraming()
        let bytes = request.encoded()
        let method = request.method
        return try await withTaskCancellationHandler {
            do {
                try await line.write(bytes)
                let head = try await readFinalHead(on: line)
                if head.status == 101 { return try await handle(.switched(head, line)) }
                let body = try self.body(of: head, to: method, on: line)
                return try await handle(.declined(Response(head: head, body: body)))
            } catch let error as ConnectionEnded {
                throw HTTPError(502, error.description)
            }
        } onCancel: {
            line.close()
        }
    }

    // MARK: Kept connections

    /// A connection that has been quiet and has not grown old. What arrives unasked, the end included, makes it useless.
    private func takeIdle() -> Wireline? {
        while let kept = idle.withLock({ $0.popLast() }) {
            // Half of what a server of ours waits: it must not close while a request is on its way.
            if !kept.line.hasInput, kept.since.duration(to: .now) < limits.idleTime / 2 { return kept.line }
            kept.line.close()
        }
        return nil
    }

    private func keep(_ line: Wireline) {
        let useless = idle.withLock { idle -> [Wireline] in
            // The oldest are in front, and would stay there as long as one connection is enough.
            let old = idle.prefix { $0.since.duration(to: .now) >= limits.idleTime / 2 }.map(\.line)
            idle.removeFirst(old.count)
            guard idle.count < idleLimit else { return old + [line] }
            idle.append(Idle(line: line, since: .now))
            return old
        }
        for line in useless { line.close() }
    }

    // MARK: One exchange

    private func exchange<Result: Sendable>(
        _ request: RequestHead,
        _ body: Body,
        on line: Wireline,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> Result {
        do {
            let (result, isReusable) = try await withTaskCancellationHandler {
                try await converse(Outgoing(request, body, line), on: line, handle)
            } onCancel: {
                line.close()
            }
            // A body that ends with its connection would look whole.
            try Task.checkCancellation()
            if isReusable { keep(line) } else { line.close() }
            return result
        } catch {
            line.close()
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    private func converse<Result: Sendable>(
        _ outgoing: Outgoing,
        on line: Wireline,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> (Result, isReusable: Bool) {
        // A server may answer and close before it has read everything. So no failure to write decides; reading does.
        try await outgoing.sendFirst()
        guard outgoing.hasRest else {
            return try await receive(answerTo: outgoing.method, on: line, handle) { line.canWrite }
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await outgoing.sendRest() }
            defer { group.cancelAll() }
            do {
                return try await receive(answerTo: outgoing.method, on: line, handle) { await outgoing.wasSent() }
            } catch {
                throw outgoing.sourceFailure ?? error
            }
        }
    }

    private func receive<Result: Sendable>(
        answerTo method: String,
        on line: Wireline,
        _ handle: @Sendable @escaping (Response) async throws -> Result,
        wasSent: () async -> Bool
    ) async throws -> (Result, isReusable: Bool) {
        let head = try await readFinalHead(on: line)
        if head.status == 101 { throw HTTPError(502, "The server switched protocols, which it was not asked to") }
        let body = try self.body(of: head, to: method, on: line)
        let result = try await handle(Response(head: head, body: body))
        let staysOpen = head.minorVersion == 1 && !head.headers.lists("Connection", "close")
        guard staysOpen, body.isFinished, !body.endsWithConnection else { return (result, false) }
        return (result, await wasSent() && !line.hasUnread)
    }

    private func body(of head: ResponseHead, to method: String, on line: Wireline) throws(HTTPError) -> BodyReader {
        do throws(HTTPError) {
            return BodyReader(line, try BodyFraming.response(head, to: method), of: .response, limits: limits)
        } catch {
            throw HTTPError(502, error.message)
        }
    }

    /// Skips the heads that only say that the real one is still to come.
    private func readFinalHead(on line: Wireline) async throws -> ResponseHead {
        for _ in 0...limits.interimAnswers {
            let head = try await readHead(on: line)
            if head.status >= 200 || head.status == 101 { return head }
        }
        throw HTTPError(
            502,
            "The server said more than \(limits.interimAnswers) times that its answer is still to come"
        )
    }

    private func readHead(on line: Wireline) async throws -> ResponseHead {
        let bytes: ArraySlice<UInt8>?
        do {
            bytes = try await line.readHead(.response, limits)
            guard let bytes else { throw ConnectionEnded() }
            return try HeadParser.response(bytes, limits: limits)
        } catch let error as LinuxError where error.code == .reset {
            throw ConnectionEnded()
        } catch let error as HTTPError {
            throw HTTPError(502, error.message)
        }
    }

    /// The server closed the connection before the first byte of an answer.
    private struct ConnectionEnded: Error, CustomStringConvertible {
        var description: String { "The server closed the connection before it answered" }
    }
}

extension HTTPClient.Body {
    fileprivate var canBeSentAgain: Bool {
        switch self {
        case .none, .bytes: true
        case .stream: false
        }
    }
}

extension RequestHead {
    /// Whether being done twice is the same as being done once: RFC 9110 §9.2.2.
    fileprivate var isIdempotent: Bool {
        ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method)
    }
}
