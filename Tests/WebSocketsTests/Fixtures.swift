import Glibc
import HTTP
import Linux

@testable import WebSockets

/// Two ends of one unix stream.
func streamPair() throws -> (Channel, Channel) {
    var ends: [Int32] = [-1, -1]
    try check("make a pair of sockets") {
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
    }
    return (try Channel(Descriptor(owning: ends[0])), try Channel(Descriptor(owning: ends[1])))
}

/// A client and a server that have already switched.
func socketPair(limits: WebSocketLimits = WebSocketLimits()) throws -> (client: WebSocket, server: WebSocket) {
    let (one, other) = try streamPair()
    return (WebSocket(one, .client, limits: limits), WebSocket(other, .server, limits: limits))
}

/// Runs a server that gives each WebSocket to `serve` while `body` runs.
func withSocketServer<Result: Sendable>(
    protocols: [String] = [],
    limits: WebSocketLimits = WebSocketLimits(),
    _ serve: @escaping @Sendable (WebSocket) async throws -> Void,
    _ body: @Sendable (SocketAddress) async throws -> Result
) async throws -> Result {
    let listener = try Listener(.loopback(0))
    let server = HTTPServer { exchange in
        let socket = try await WebSocket.accept(exchange, protocols: protocols, limits: limits)
        try await socket.run { try await serve($0) }
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await server.run(on: listener) }
        defer {
            group.cancelAll()
            listener.close()
        }
        return try await body(listener.address)
    }
}

func connect(_ address: SocketAddress, protocols: [String] = []) async throws -> WebSocket {
    let client = HTTPClient { try await Channel.connect(to: address) }
    let head = RequestHead(method: "GET", target: "/", headers: ["Host": "\(address)"])
    return try await WebSocket.connect(client, head, protocols: protocols)
}

/// `count` bytes that do not repeat with any power of two.
func pattern(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = Array(0..<251)
    while bytes.count < count { bytes += bytes }
    return Array(bytes.prefix(count))
}
