import Linux
import Synchronization

/// One request and its answer, as a handler sees them.
package final class Exchange: Sendable {
    enum Progress {
        /// Nothing was answered yet. May become any of the others.
        case waiting
        /// The head was given and the body is being written. May become `answered`.
        case answering(BodyWriter)
        /// Terminal: the answer is complete.
        case answered
        /// Terminal: the connection is no longer HTTP.
        case upgraded
    }

    package let request: RequestHead
    package let body: BodyReader
    private let line: Wireline
    private let progress = Mutex<Progress>(.waiting)
    /// Whether the connection can carry another request after this one.
    let staysOpen: Mutex<Bool>

    init(_ request: RequestHead, _ framing: BodyFraming, _ line: Wireline, limits: HTTPLimits) {
        self.request = request
        self.line = line
        let closes = request.headers.lists("Connection", "close") || request.minorVersion == 0
        staysOpen = Mutex(!closes)
        let expects = request.headers["Expect"]?.lowercased() == "100-continue"
        body = BodyReader(line, framing, limits: limits) {
            if expects { try await line.write(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
        }
    }

    var isWaiting: Bool {
        progress.withLock { if case .waiting = $0 { true } else { false } }
    }

    var isUpgraded: Bool {
        progress.withLock { if case .upgraded = $0 { true } else { false } }
    }

    /// Answers with a whole body.
    package func respond(_ status: Int, _ headers: Headers = [:], body: [UInt8] = []) async throws {
        let writer = try start(status, headers, length: body.count)
        if request.method != "HEAD" { try await writer.write(body) }
        try await writer.finish()
        progress.withLock { $0 = .answered }
    }

    /// Answers with the head only; the body follows through the writer, which the caller must finish.
    ///
    /// The head leaves with the first bytes, or by `flush()`.
    ///
    /// - Parameter length: the body's length; nil sends it in chunks.
    package func start(_ status: Int, _ headers: Headers = [:], length: Int? = nil) throws -> BodyWriter {
        var head = ResponseHead(status: status, headers: headers)
        let hasBody = status >= 200 && status != 204 && status != 304
        var isChunked = false
        if hasBody {
            if let length {
                head.headers["Content-Length"] = String(length)
            } else if request.minorVersion == 1 {
                head.headers["Transfer-Encoding"] = "chunked"
                isChunked = request.method != "HEAD"
            } else {
                staysOpen.withLock { $0 = false }
            }
        }
        if !staysOpen.withLock({ $0 }) { head.headers["Connection"] = "close" }
        let writer = BodyWriter(line, head: head.encoded(), isChunked: isChunked)
        try begin(.answering(writer))
        return writer
    }

    /// Leaves HTTP: answers 101 and hands out the connection, with whatever the client has sent behind its request.
    package func upgrade(to name: String, _ headers: Headers = [:]) async throws -> any ByteStream {
        var head = ResponseHead(status: 101, headers: headers)
        head.headers["Connection"] = "Upgrade"
        head.headers["Upgrade"] = name
        try begin(.upgraded)
        try await line.write(head.encoded())
        return line
    }

    private func begin(_ next: Progress) throws {
        try progress.withLock { progress in
            guard case .waiting = progress else { throw HTTPError(500, "The request was answered twice") }
            progress = next
        }
    }

    /// Ends what the handler left open, so that the next request starts clean.
    func finish() async throws {
        let writer: BodyWriter? = progress.withLock { progress in
            guard case .answering(let writer) = progress else { return nil }
            progress = .answered
            return writer
        }
        try await writer?.finish()
    }

    /// Waits until the client has closed its side; to be raced against the work for a client that may lose patience.
    ///
    /// Only for requests whose body was read to its end.
    package func clientGone() async throws {
        while try await line.fill() {}
    }
}
