import FoundationEssentials
import HTTP
import Linux

/// The HTTP part of a WebSocket: RFC 6455 §4.
enum Handshake {
    static let upgrade = "websocket"

    /// What a server answers to a client's key.
    static func accept(_ key: String) -> String {
        base64(SHA1.hash(Array("\(key)258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)))
    }

    static func newKey() -> String { base64(Random.bytes(16)) }

    private static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// The key of a client's request.
    ///
    /// - Throws: ``HTTPError`` with the status to answer when it is no request for a WebSocket.
    static func key(of request: RequestHead) throws(HTTPError) -> String {
        let headers = request.headers
        guard headers.lists("Upgrade", upgrade), headers.lists("Connection", "Upgrade") else {
            throw HTTPError(426, "Here is a WebSocket; ask for it with 'Upgrade: websocket'")
        }
        guard request.method == "GET", request.minorVersion == 1 else {
            throw HTTPError(400, "A WebSocket is asked for with GET and HTTP/1.1")
        }
        guard headers["Sec-WebSocket-Version"] == "13" else {
            throw HTTPError(426, "Version 13 of the WebSocket protocol is spoken here")
        }
        let keys = headers.values("Sec-WebSocket-Key")
        guard keys.count == 1, Data(base64Encoded: keys[0])?.count == 16 else {
            throw HTTPError(400, "'Sec-WebSocket-Key' must be 16 bytes in base64")
        }
        return keys[0]
    }

    /// The names in `Sec-WebSocket-Protocol`, in the client's order.
    static func protocols(of headers: Headers) -> [String] {
        headers.values("Sec-WebSocket-Protocol").flatMap { field in
            field.split(separator: ",").map { name in
                String(name.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" })
            }
        }
    }

    /// Whether the page that a browser asks for came from this very server.
    ///
    /// Other programs send no `Origin`. A browser sends it always, also for pages that reach a server on this machine only
    /// because it listens here.
    static func isSameOrigin(_ request: RequestHead) -> Bool {
        guard let origin = request.headers["Origin"] else { return true }
        guard let host = request.host else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }
}

extension WebSocket {
    /// Which pages in browsers may open a WebSocket.
    package enum Origins: Sendable {
        /// Those of this server, and whoever is no browser.
        case same
        /// All: for what asks for a secret that no browser sends on its own.
        case any
    }

    /// Accepts a client's request and switches to the WebSocket protocol.
    ///
    /// The connection lives as long as the handler of `exchange` runs; see ``run(_:)``.
    ///
    /// - Parameter protocols: the subprotocols that are spoken here, best first; the first that the client offers is chosen.
    /// - Throws: ``HTTPError`` when the request is none for a WebSocket. Nothing was answered then, but to one that has to learn
    ///   the version.
    package static func accept(
        _ exchange: Exchange,
        protocols: [String] = [],
        origins: Origins = .same,
        limits: WebSocketLimits = WebSocketLimits()
    ) async throws -> WebSocket {
        let key: String
        do throws(HTTPError) {
            key = try Handshake.key(of: exchange.request)
        } catch {
            let answer: Headers = ["Sec-WebSocket-Version": "13", "Upgrade": Handshake.upgrade]
            if error.status == 426 { try await exchange.respond(426, answer, body: Array(error.message.utf8)) }
            throw error
        }
        if case .same = origins, !Handshake.isSameOrigin(exchange.request) {
            throw HTTPError(403, "A page of another origin can not open this WebSocket")
        }
        let offered = Handshake.protocols(of: exchange.request.headers)
        let chosen = protocols.first(where: offered.contains)
        var headers: Headers = ["Sec-WebSocket-Accept": Handshake.accept(key)]
        headers["Sec-WebSocket-Protocol"] = chosen
        let stream = try await exchange.upgrade(to: Handshake.upgrade, headers)
        return WebSocket(stream, .server, subprotocol: chosen, limits: limits)
    }

    /// Opens a WebSocket on a connection of its own.
    ///
    /// - Parameter request: whose target and further fields are sent; it needs a `Host`.
    /// - Throws: ``HTTPError`` with the server's status when it does not switch; ``WebSocketError`` when it does so wrongly.
    package static func connect(
        _ client: HTTPClient,
        _ request: RequestHead,
        protocols: [String] = [],
        limits: WebSocketLimits = WebSocketLimits()
    ) async throws -> WebSocket {
        let key = Handshake.newKey()
        var request = request
        request.method = "GET"
        request.headers["Sec-WebSocket-Version"] = "13"
        request.headers["Sec-WebSocket-Key"] = key
        if !protocols.isEmpty { request.headers["Sec-WebSocket-Protocol"] = protocols.joined(separator: ", ") }
        let (head, stream) = try await client.switchProtocols(request, to: Handshake.upgrade)
        let chosen = head.headers["Sec-WebSocket-Protocol"]
        guard head.headers["Upgrade"]?.lowercased() == Handshake.upgrade, head.headers.lists("Connection", "Upgrade"),
            head.headers["Sec-WebSocket-Accept"] == Handshake.accept(key),
            head.headers["Sec-WebSocket-Extensions"] == nil,
            chosen.map(protocols.contains) ?? true
        else {
            stream.close()
            throw WebSocketError(nil, "The server's answer to the request for a WebSocket does not fit the request")
        }
        return WebSocket(stream, .client, subprotocol: chosen, limits: limits)
    }
}
