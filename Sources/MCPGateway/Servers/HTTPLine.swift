import HTTP
import Linux
import Synchronization
import Wire

/// A server that is reached by the "streamable HTTP" transport.
package final class HTTPLine: ServerLine {
    private let authority: String
    private let target: String
    private let headers: [String: String]
    private let http: HTTPClient
    private let session = Mutex<String?>(nil)
    private let version = Agreed()
    private let greeted = Latch<Void>()
    private let taker = Latch<@Sendable (JSONValue) async throws -> Void>()
    private let broken = Latch<ServerFailure>()

    /// One that is reached without TLS: on this machine, or through the host's gateway.
    convenience init(url: String, headers: [String: String]) throws {
        guard let address = PlainAddress(url) else {
            throw ServerFailure(
                "'\(url)' is no address that begins with http:// and has a number or 'localhost' as its host"
            )
        }
        let socket = address.socket
        self.init(authority: address.authority, target: address.path, headers: headers) {
            try await Channel.connect(to: socket)
        }
    }

    /// - Parameters:
    ///   - authority: as the field `Host` names the server.
    ///   - target: the path of its address, with the query if there is one.
    ///   - headers: what each request has besides the transport's own fields.
    package init(
        authority: String,
        target: String,
        headers: [String: String],
        connect: @escaping @Sendable () async throws -> any ByteStream
    ) {
        self.authority = authority
        self.target = target
        self.headers = headers
        http = HTTPClient(connect: connect)
    }

    package func run(_ take: @escaping @Sendable (JSONValue) async throws -> Void) async throws {
        taker.set { [version, greeted] message in
            if let agreed = message["result"]?["protocolVersion"]?.string {
                version.value.withLock { $0 = agreed }
                greeted.set(())
            }
            try await take(message)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { throw try await self.broken.value() }
            group.addTask {
                try await self.greeted.value()
                try await self.listen(take)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Listens for what the server says unasked, again when the stream ends, unless the server has none.
    private func listen(_ take: @escaping @Sendable (JSONValue) async throws -> Void) async throws {
        while true {
            let isServed = try await http.withResponse(to: head("GET")) { response in
                guard response.head.status == 200 else { return false }
                try await Self.readEvents(response.body, take)
                return true
            }
            guard isServed else { return try await Latch<Void>().value() }
            try await EventLoop.shared.sleep(for: .seconds(1))
        }
    }

    package func send(_ message: JSONValue) async throws {
        let take = try await taker.value()
        do {
            try await http.withResponse(to: head("POST"), body: .bytes(message.encoded())) { [self] response in
                guard (200...299).contains(response.head.status) else {
                    throw ServerFailure("it answered with status \(response.head.status)")
                }
                if message["method"] == "initialize", let id = response.head.headers["Mcp-Session-Id"] {
                    session.withLock { $0 = id }
                }
                if response.head.status == 202 { return }
                let type = response.head.headers["Content-Type"]?.lowercased() ?? ""
                if type.hasPrefix("text/event-stream") { return try await Self.readEvents(response.body, take) }
                let bytes = try await response.body.collect(limit: ServerLimits.message)
                guard let answer = try? JSONValue(parsing: bytes) else { return }
                try await take(answer)
            }
        } catch let error where !(error is CancellationError) {
            // A server that does not answer a request will not answer the next one on this session either.
            broken.set((error as? ServerFailure) ?? ServerFailure("it can not be reached: \(error)"))
            throw error
        }
    }

    private static func readEvents(
        _ body: BodyReader,
        _ take: @Sendable (JSONValue) async throws -> Void
    ) async throws {
        var parser = EventStreamParser(limit: ServerLimits.message)
        while true {
            let bytes = try await body.read()
            if bytes.isEmpty { return }
            for event in try parser.add(bytes) {
                if let message = try? JSONValue(parsing: event) { try await take(message) }
            }
        }
    }

    private func head(_ method: String) -> RequestHead {
        var head = RequestHead(method: method, target: target, headers: ["Host": authority])
        for (name, value) in headers { head.headers[name] = value }
        head.headers["Accept"] = method == "GET" ? "text/event-stream" : "application/json, text/event-stream"
        if method == "POST" { head.headers["Content-Type"] = "application/json" }
        head.headers["Mcp-Session-Id"] = session.withLock { $0 }
        head.headers["MCP-Protocol-Version"] = version.value.withLock { $0 }
        return head
    }

    package func close() {
        http.closeIdle()
    }
}

/// The revision that was agreed on.
private final class Agreed: Sendable {
    let value = Mutex<String?>(nil)
}

/// A URL without TLS whose host needs no resolver.
struct PlainAddress: Sendable, Hashable {
    let socket: SocketAddress
    let authority: String
    let path: String

    init?(_ url: String) {
        guard url.hasPrefix("http://") else { return nil }
        let rest = url.dropFirst("http://".count)
        authority = String(rest.prefix { $0 != "/" && $0 != "?" })
        let target = rest.dropFirst(authority.count)
        path = target.isEmpty ? "/" : target.hasPrefix("/") ? String(target) : "/\(target)"
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let port = parts.count == 1 ? 80 : UInt16(parts[1]) else { return nil }
        let host = parts[0] == "localhost" ? "127.0.0.1" : String(parts[0])
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).compactMap { UInt8($0) }
        guard numbers.count == 4, !path.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else { return nil }
        socket = .tcp(host, port)
    }
}
