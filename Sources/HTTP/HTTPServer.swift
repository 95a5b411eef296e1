import Linux
import Synchronization

/// Serves HTTP/1.1 on any byte stream.
package struct HTTPServer: Sendable {
    /// Answers one request. What it throws becomes the answer, if none was begun.
    package typealias Handler = @Sendable (Exchange) async throws -> Void

    private let limits: HTTPLimits
    private let connections: OpenConnections?
    private let handler: Handler
    private let answer: @Sendable (any Error, Exchange) async throws -> Void

    /// - Parameters:
    ///   - connections: where each connection is found as long as it is open.
    ///   - answer: how an error of the handler is told; the default is a small JSON object.
    package init(
        limits: HTTPLimits = HTTPLimits(),
        connections: OpenConnections? = nil,
        answer: (@Sendable (any Error, Exchange) async throws -> Void)? = nil,
        handler: @escaping Handler
    ) {
        self.limits = limits
        self.connections = connections
        self.handler = handler
        self.answer = answer ?? Self.answerPlainly
    }

    /// Accepts connections until the task is cancelled or the listener is closed; then ends them all.
    ///
    /// - Parameter secure: makes of each connection the stream that HTTP is spoken on, in the time that a head may take; nil
    ///   speaks it on the connection itself.
    package func run(
        on listener: Listener,
        through secure: (@Sendable (Channel) async throws -> any ByteStream)? = nil
    ) async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while true {
                let connection = try await listener.accept()
                group.addTask(executorPreference: EventLoop.shared) {
                    guard let secure else { return await serve(connection) }
                    let stream = try? await withDeadline(limits.headTime) { try await secure(connection) }
                    // Whoever can not agree on a secure connection was told so by the handshake.
                    guard let stream else { return connection.close() }
                    await serve(stream)
                }
            }
        }
    }

    /// Serves one connection until it ends.
    package func serve(_ stream: any ByteStream) async {
        let line = Wireline(stream)
        connections?.add(line)
        defer { connections?.remove(line) }
        await withTaskCancellationHandler {
            do {
                while try await serveNext(line) {}
            } catch {
                // The connection broke or its bytes were no HTTP; the peer has been told what could be told.
            }
        } onCancel: {
            stream.close()
        }
        stream.close()
    }

    /// Serves the next request; false when the connection is over.
    private func serveNext(_ line: Wireline) async throws -> Bool {
        let exchange: Exchange
        do {
            let limits = limits
            if !line.hasUnread, try await !withDeadline(limits.idleTime, { try await line.fill() }) { return false }
            guard let bytes = try await withDeadline(limits.headTime, { try await line.readHead(.request, limits) })
            else {
                return false
            }
            let request = try HeadParser.request(bytes, limits: limits)
            exchange = Exchange(request, try BodyFraming.request(request), line, limits: limits)
        } catch let error as HTTPError {
            let refusal = Exchange(RequestHead(method: "GET", target: "*"), .none, line, limits: limits)
            refusal.staysOpen.withLock { $0 = false }
            try await Self.answerPlainly(error, refusal)
            try await refusal.finish()
            try await lingeringClose(line)
            return false
        }
        do {
            try await handler(exchange)
            if exchange.isUpgraded { return false }
            if exchange.isWaiting { throw HTTPError(500, "The request was not answered") }
            try await exchange.finish()
        } catch {
            guard exchange.isWaiting else { return false }
            if error is HTTPError, !exchange.body.isFinished { exchange.staysOpen.withLock { $0 = false } }
            try await answer(error, exchange)
            try await exchange.finish()
        }
        if exchange.staysOpen.withLock({ $0 }), await drain(exchange.body) { return true }
        try await lingeringClose(line)
        return false
    }

    /// Reads the rest of a body that nobody wanted, if it is small and comes soon; false when it does not.
    private func drain(_ body: BodyReader) async -> Bool {
        if body.isFinished { return true }
        let rest = try? await withDeadline(limits.drainTime) { try await body.collect(limit: 256 * 1024) }
        return rest != nil
    }

    /// Lets the peer read the answer before its unread bytes turn the close into a reset.
    private func lingeringClose(_ line: Wireline) async throws {
        try await line.closeWriting()
        try await withDeadline(limits.drainTime) {
            var left = 1024 * 1024
            while left > 0 {
                let bytes = try await line.read(upTo: 65_536)
                if bytes.isEmpty { return }
                left -= bytes.count
            }
        }
    }

    private static func answerPlainly(_ error: any Error, _ exchange: Exchange) async throws {
        let refusal = error as? HTTPError ?? HTTPError(500, "The request failed: \(error)")
        try await exchange.respond(
            refusal.status,
            ["Content-Type": "application/json"],
            body: Array("{\"code\":\(refusal.status),\"message\":\(quoted(refusal.message))}".utf8)
        )
    }

    /// A JSON string; this module knows no more JSON than this.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20: quoted += " "
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
