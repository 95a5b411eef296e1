import Linux

/// A request on its way out: what leaves before the answer is waited for, and what leaves meanwhile.
final class Outgoing: Sendable {
    private enum End {
        case sent
        /// The line took no more, or nobody wanted the rest.
        case cut
        /// The bytes to send could not be had.
        case sourceFailed(any Error)
    }

    let method: String
    private let line: Wireline
    private let first: [UInt8]
    private let rest: (@Sendable () async throws -> Void)?
    private let end = Latch<End>()

    init(_ request: RequestHead, _ body: HTTPClient.Body, _ line: Wireline) {
        var request = request
        request.removeFraming()
        method = request.method
        self.line = line
        switch body {
        case .none:
            if method != "GET", method != "HEAD" { request.headers["Content-Length"] = "0" }
            first = request.encoded()
            rest = nil
        case .bytes(let bytes):
            request.headers["Content-Length"] = String(bytes.count)
            // What certainly fits into the kernel's buffers needs no second task.
            if bytes.count <= 16_384 {
                first = request.encoded() + bytes
                rest = nil
            } else {
                first = request.encoded()
                rest = { try await line.write(bytes) }
            }
        case .stream(let length, let write):
            if let length {
                request.headers["Content-Length"] = String(length)
            } else {
                request.headers["Transfer-Encoding"] = "chunked"
            }
            first = request.encoded()
            let writer = BodyWriter(line, length.map { .length($0) } ?? .chunked)
            rest = {
                try await write(writer)
                try await writer.finish()
            }
        }
    }

    var hasRest: Bool { rest != nil }

    /// - Throws: `CancellationError` only.
    func sendFirst() async throws {
        do {
            try await line.write(first)
        } catch {
            try Task.checkCancellation()
        }
    }

    func sendRest() async {
        do {
            try await rest?()
            end.set(.sent)
        } catch  where line.canWrite {
            end.set(.sourceFailed(error))
            // The server would wait for the rest, and we for the server.
            line.close()
        } catch {
            end.set(.cut)
        }
    }

    /// Whether all is sent, to be asked when the answer is complete.
    ///
    /// The answer may be here before the last write has returned to its task; that it is coming shows in a moment.
    func wasSent() async -> Bool {
        let end = try? await withDeadline(.milliseconds(100)) { [end] in try await end.value() }
        if case .sent = end { return true }
        return false
    }

    var sourceFailure: (any Error)? {
        if case .sourceFailed(let error) = end.current { error } else { nil }
    }
}

extension RequestHead {
    /// The framing is decided where the body is sent.
    mutating func removeFraming() {
        for name in ["Content-Length", "Transfer-Encoding"] { headers[name] = nil }
    }
}
