import Linux
import Synchronization

/// One request and its answer, as a handler sees them.
package final class Exchange: Sendable {
    package let request: RequestHead
    package let body: BodyReader
    let line: Wireline
    private let progress = Progress()
    /// Whether the connection can carry another request after this one.
    let staysOpen: Mutex<Bool>

    init(_ request: RequestHead, _ framing: BodyFraming, _ line: Wireline, limits: HTTPLimits) {
        self.request = request
        self.line = line
        let closes = request.headers.lists("Connection", "close") || request.minorVersion == 0
        staysOpen = Mutex(!closes)
        let expects = request.headers["Expect"]?.lowercased() == "100-continue" && request.minorVersion == 1
        let progress = progress
        let goAhead: @Sendable () async throws -> Void = {
            // Never behind the answer, which would then look like another.
            try await line.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8), if: { progress.isWaiting })
        }
        body = BodyReader(line, framing, of: .request, limits: limits, beforeFirstRead: expects ? goAhead : nil)
    }

    /// Whether nothing was answered yet.
    package var isWaiting: Bool { progress.isWaiting }

    var isUpgraded: Bool {
        progress.state.withLock { if case .upgraded = $0 { true } else { false } }
    }

    /// Answers with a whole body.
    package func respond(_ status: Int, _ headers: Headers = [:], body: [UInt8] = []) async throws {
        let writer = try start(status, headers, length: body.count)
        try await writer.write(body)
        try await writer.finish()
        progress.state.withLock { $0 = .answered }
    }

    /// Answers with the head only; the body follows through the writer, which the caller must finish.
    ///
    /// The head leaves with the first bytes, or by `flush()`.
    ///
    /// - Parameter length: the body's length; nil sends it in chunks.
    package func start(_ status: Int, _ headers: Headers = [:], length: Int? = nil) throws -> BodyWriter {
        var head = ResponseHead(status: status, headers: headers)
        // The framing is decided here; two that contradict each other are two messages to someone.
        for name in ["Content-Length", "Transfer-Encoding", "Connection"] { head.headers[name] = nil }
        var framing = BodyWriter.Framing.discarded
        if status >= 200, status != 204, status != 304 {
            if let length {
                head.headers["Content-Length"] = String(length)
                framing = .length(length)
            } else if request.minorVersion == 1 {
                head.headers["Transfer-Encoding"] = "chunked"
                framing = .chunked
            } else {
                staysOpen.withLock { $0 = false }
                framing = .untilClose
            }
            if request.method == "HEAD" { framing = .discarded }
        }
        // Whether a client sends the body that it asked leave for is now its own choice: nothing can safely follow.
        if body.hasFailed || body.isAwaitingContinue { staysOpen.withLock { $0 = false } }
        if !staysOpen.withLock({ $0 }) { head.headers["Connection"] = "close" }
        let writer = BodyWriter(line, head: head.encoded(), framing)
        try begin(.answering(writer))
        return writer
    }

    /// Leaves HTTP: answers 101 and hands out the connection, with whatever the client has sent behind its request.
    ///
    /// Only for requests whose body was read to its end. The connection lives as long as the handler runs.
    package func upgrade(to name: String, _ headers: Headers = [:]) async throws -> any ByteStream {
        guard body.isFinished else { throw HTTPError(400, "A request to switch to '\(name)' can not have a body") }
        var head = ResponseHead(status: 101, headers: headers)
        head.headers["Connection"] = "Upgrade"
        head.headers["Upgrade"] = name
        try begin(.upgraded)
        try await line.write(head.encoded())
        return line
    }

    private func begin(_ next: Progress.State) throws {
        try progress.state.withLock { state in
            guard case .waiting = state else { throw HTTPError(500, "The request was answered twice") }
            state = next
        }
    }

    /// Ends what the handler left open, so that the next request starts clean.
    func finish() async throws {
        let writer: BodyWriter? = progress.state.withLock { state in
            guard case .answering(let writer) = state else { return nil }
            state = .answered
            return writer
        }
        try await writer?.finish()
    }

    /// Waits until the client has closed its side; to be raced against the work for a client that may lose patience.
    ///
    /// A client that only said that it will send no more looks the same. One that piles up requests without waiting for their
    /// answers counts as gone, too: there is no room to look past them. Only for requests whose body was read to its end.
    package func clientGone() async throws {
        while line.unreadCount < 256 * 1024 {
            if try await !line.fill() { return }
        }
    }
}

/// How far the answer is.
private final class Progress: Sendable {
    enum State {
        /// Nothing was answered yet. May become any of the others.
        case waiting
        /// The head was given and the body is being written. May become `answered`.
        case answering(BodyWriter)
        /// Terminal: the answer is complete.
        case answered
        /// Terminal: the connection is no longer HTTP.
        case upgraded
    }

    let state = Mutex<State>(.waiting)

    var isWaiting: Bool {
        state.withLock { if case .waiting = $0 { true } else { false } }
    }
}
