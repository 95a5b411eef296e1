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

    private let connect: @Sendable () async throws -> any ByteStream
    private let limits: HTTPLimits
    private let idle = Mutex<[Wireline]>([])
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

    package func closeIdle() {
        let lines = idle.withLock { idle in
            defer { idle = [] }
            return idle
        }
        for line in lines { line.close() }
    }

    /// Sends a request and gives the response to `handle` as soon as its head is there.
    ///
    /// The connection is kept for the next request when both bodies were finished, else closed.
    package func withResponse<Result: Sendable>(
        to request: RequestHead,
        body: Body = .none,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> Result {
        let held = idle.withLock { $0.popLast() }
        if let held, !held.hasUnread {
            do {
                return try await exchange(request, body, on: held, handle)
            } catch is StaleConnection where body.canBeSentAgain {
                // The server closed the idle connection while the request was on its way: nothing was done.
            }
        }
        return try await exchange(request, body, on: Wireline(try await connect()), handle)
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
        let line = Wireline(try await connect())
        var request = request
        request.headers["Connection"] = "Upgrade"
        request.headers["Upgrade"] = name
        do {
            try await line.write(request.encoded())
            guard let bytes = try await line.readHead(limits) else { throw StaleConnection() }
            let head = try HeadParser.response(bytes, limits: limits)
            guard head.status == 101 else {
                throw HTTPError(head.status, "The server answered \(head.status) instead of switching to '\(name)'")
            }
            return line
        } catch {
            line.close()
            throw error
        }
    }

    /// The server had closed the connection before it read the request.
    private struct StaleConnection: Error, CustomStringConvertible {
        var description: String { "the connection was closed before an answer came" }
    }

    private func exchange<Result: Sendable>(
        _ request: RequestHead,
        _ body: Body,
        on line: Wireline,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> Result {
        do {
            let (result, isReusable) = try await withTaskCancellationHandler {
                try await converse(request, body, on: line, handle)
            } onCancel: {
                line.close()
            }
            let isKept =
                isReusable
                && idle.withLock { idle in
                    guard idle.count < idleLimit else { return false }
                    idle.append(line)
                    return true
                }
            if !isKept { line.close() }
            return result
        } catch {
            line.close()
            throw Task.isCancelled ? CancellationError() : error
        }
    }

    private func converse<Result: Sendable>(
        _ request: RequestHead,
        _ body: Body,
        on line: Wireline,
        _ handle: @Sendable @escaping (Response) async throws -> Result
    ) async throws -> (Result, isReusable: Bool) {
        var request = request
        let sending: (@Sendable () async throws -> Void)?
        switch body {
        case .none:
            if request.method != "GET", request.method != "HEAD" { request.headers["Content-Length"] = "0" }
            sending = nil
            try await sendHead(request.encoded(), on: line)
        case .bytes(let bytes):
            request.headers["Content-Length"] = String(bytes.count)
            sending = nil
            try await sendHead(request.encoded() + bytes, on: line)
        case .stream(let length, let write):
            if let length {
                request.headers["Content-Length"] = String(length)
            } else {
                request.headers["Transfer-Encoding"] = "chunked"
            }
            let writer = BodyWriter(line, isChunked: length == nil)
            try await sendHead(request.encoded(), on: line)
            sending = {
                try await write(writer)
                try await writer.finish()
            }
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            if let sending { group.addTask { try await sending() } }
            let response = try await readResponse(to: request.method, on: line)
            let result = try await handle(response)
            // An upload that the server has already answered is of no more interest.
            let isSent: Bool
            if response.body.isFinished, sending != nil {
                isSent = (try? await group.waitForAll()) != nil
            } else {
                isSent = sending == nil
                group.cancelAll()
            }
            let staysOpen = response.head.minorVersion == 1 && !response.head.headers.lists("Connection", "close")
            return (result, isSent && staysOpen && response.body.isFinished && !line.hasUnread)
        }
    }

    private func sendHead(_ bytes: [UInt8], on line: Wireline) async throws {
        do {
            try await line.write(bytes)
        } catch is LinuxError {
            throw StaleConnection()
        }
    }

    private func readResponse(to method: String, on line: Wireline) async throws -> Response {
        while true {
            let bytes: ArraySlice<UInt8>?
            do {
                bytes = try await line.readHead(limits)
            } catch let error as LinuxError where error.code == .reset {
                throw StaleConnection()
            }
            guard let bytes else { throw StaleConnection() }
            let head = try HeadParser.response(bytes, limits: limits)
            if head.status == 100 { continue }
            return Response(
                head: head,
                body: BodyReader(line, try BodyFraming.response(head, to: method), limits: limits)
            )
        }
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
