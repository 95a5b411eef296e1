import HTTP
import Linux
import RPC
import Synchronization
import Wire

/// Heads on their way through, without what belongs to one connection alone.
enum Passage {
    /// RFC 9110 §7.6.1; the framing is decided anew on each side, and trailers are not passed on.
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
    /// What is for the router, and asked of the router itself.
    private static let routing: Set<String> = [
        SandboxHeaders.id.lowercased(), SandboxHeaders.port.lowercased(), SandboxHeaders.trafficToken.lowercased(),
        "expect", "content-length",
    ]

    /// The request as the guest gets it.
    static func request(_ request: RequestHead) -> RequestHead {
        var head = RequestHead(method: request.method, target: request.originTarget)
        for field in passed(request.headers).fields {
            let name = field.name.lowercased()
            if routing.contains(name) || name == "host" { continue }
            // No credential of the daemon's enters a guest, whatever header rules its programs have.
            if name == "x-api-key" || name == "authorization", isKey(field.value) { continue }
            head.headers.add(field.name, field.value)
        }
        // A client of HTTP/1.0 may say none; in 1.1 there must be one.
        head.headers["Host"] = request.host ?? "localhost"
        return head
    }

    /// The fields of an answer that are for the client.
    static func answer(_ headers: Headers) -> Headers { passed(headers) }

    private static func passed(_ headers: Headers) -> Headers {
        var dropped = hopByHop
        for value in headers.values("Connection") {
            for name in value.split(separator: ",") {
                dropped.insert(name.lowercased().filter { $0 != " " && $0 != "\t" })
            }
        }
        // These decide where a message goes and where it ends; nobody can ask for them to be forgotten.
        dropped.subtract(["host", "content-length"])
        var passed = Headers()
        for field in headers.fields where !dropped.contains(field.name.lowercased()) {
            passed.add(field.name, field.value)
        }
        return passed
    }

    /// Whether a text ends in what has the form of a key of E2B's, and so of ours.
    private static func isKey(_ text: String) -> Bool {
        guard let word = text.split(separator: " ").last, word.hasPrefix("e2b_") else { return false }
        return word.dropFirst(4).allSatisfy(\.isHexDigit)
    }

    /// What a request asks to switch to; nil for most.
    static func upgrade(_ request: RequestHead) -> String? {
        guard request.minorVersion == 1, request.headers.lists("Connection", "upgrade") else { return nil }
        return request.headers["Upgrade"]
    }
}

/// An answer that goes to a client, and how far it is.
///
/// A stream of calls can be ended with an error that its caller understands, but only between two of its messages.
final class OpenAnswer: Sendable {
    private struct State {
        var writer: BodyWriter?
        var messages: MessageBoundary?
    }

    private let state = Mutex(State())

    /// Begins the answer with the head of the guest's.
    func begin(_ head: ResponseHead, on exchange: Exchange) throws -> BodyWriter {
        let length = head.headers["Content-Length"].flatMap { Int($0) }
        let writer = try exchange.start(head.status, Passage.answer(head.headers), length: length)
        let isCallStream = length == nil && head.headers["Content-Type"]?.hasPrefix("application/connect+") == true
        state.withLock { $0 = State(writer: writer, messages: isCallStream ? MessageBoundary() : nil) }
        return writer
    }

    /// Passes a body on as it comes; a slow client slows the guest.
    ///
    /// - Parameter first: what was read of it; nil when nothing was there.
    func copy(_ first: [UInt8]?, _ body: BodyReader, to writer: BodyWriter) async throws {
        // A stream's head must not wait for its first event; a short answer should leave in one piece.
        if first == nil { try await writer.flush() }
        var next = first
        while true {
            let bytes: [UInt8]
            if let held = next { bytes = held } else { bytes = try await body.read() }
            next = nil
            if bytes.isEmpty { return try await writer.finish() }
            // Counted before they leave: a write that is cut off leaves no boundary behind it.
            state.withLock { $0.messages?.pass(bytes) }
            try await writer.write(bytes)
        }
    }

    /// Ends a stream of calls with an error, where that can still be told; false where it can not.
    func end(with error: CallError) async -> Bool {
        let writer = state.withLock { $0.messages?.isReached == true ? $0.writer : nil }
        guard let writer else { return false }
        let trailer = JSONValue.object([
            "error": .object(["code": .string(error.code.rawValue), "message": .string(error.message)])
        ])
        do {
            // Whoever does not read any more is not waited for.
            try await withDeadline(.seconds(2)) {
                try await writer.write(Envelope(payload: trailer.encoded(), isEnd: true).encoded)
                try await writer.finish()
            }
            return true
        } catch {
            return false
        }
    }
}

/// Knows where in a stream of messages one ends and the next begins: a byte of flags, four of length, the payload.
struct MessageBoundary: Sendable, Hashable {
    private var head: [UInt8] = []
    /// Bytes of the payload that are still to come.
    private var rest = 0
    private var isEnded = false

    /// Whether another message could follow here.
    var isReached: Bool { head.isEmpty && rest == 0 && !isEnded }

    mutating func pass(_ bytes: [UInt8]) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            if rest > 0 {
                let passed = min(rest, bytes.count)
                rest -= passed
                bytes = bytes.dropFirst(passed)
            } else {
                head.append(bytes.removeFirst())
                guard head.count == 5 else { continue }
                // Nothing may follow the message that says that it is the last.
                if head[0] & 2 != 0 { isEnded = true }
                rest = head[1...].reduce(0) { $0 << 8 | Int($1) }
                head = []
            }
        }
    }
}
