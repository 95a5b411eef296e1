import HTTP
import Linux
import Synchronization
import TLS
import Testing
import Wire

/// Servers of this host's loopback that stand for addresses of the internet, for daemons that a test starts.
///
///     good.example    93.184.216.34     80: says whom it was asked for     22: greets, and keeps the line open
///                                       443: with a certificate of an authority that the daemon trusts; says nothing
///     evil.example    93.184.216.66     the same
///     inner.example   10.9.8.7          private
///     host.example    127.0.0.1         this host
struct PlayedInternet: Sendable {
    static let names = [
        "good.example": "93.184.216.34", "evil.example": "93.184.216.66", "inner.example": "10.9.8.7",
        "host.example": "127.0.0.1",
    ]
    static let greeting = "220 welcome\r\n"

    /// What the daemon is told.
    let file: String
    /// The authority of the servers with TLS.
    let authority: String
    /// What those were asked, the path and the fields.
    let requests: Requests

    final class Requests: Sendable {
        private let heads = Mutex<[RequestHead]>([])
        func add(_ head: RequestHead) { heads.withLock { $0.append(head) } }
        var all: [RequestHead] { heads.withLock { $0 } }
    }

    static func with<Result: Sendable>(
        _ body: @Sendable @escaping (PlayedInternet) async throws -> Result
    ) async throws -> Result {
        let (web, shell, secure) = (try Listener(.loopback(0)), try Listener(.loopback(0)), try Listener(.loopback(0)))
        let directory = "/tmp/martlet-played-\(Random.name(10))"
        try Files.makeDirectory(directory)
        defer { try? Files.remove(directory) }
        let file = "\(directory)/internet.json"
        try Files.write(description(web, shell, secure).encoded(), to: file)
        let world = CertificateAuthority(directory: "\(directory)/authority")
        let identity = try world.identity(for: "good.example")
        let requests = Requests()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await serve(web) { try await answer($0) } }
            group.addTask {
                await serve(shell) {
                    try await $0.write(Array(greeting.utf8))
                    while try await !$0.read().isEmpty {}
                }
            }
            group.addTask {
                await serve(secure) { channel in
                    let stream = try await TLSStream.accept(over: channel, as: identity)
                    await HTTPServer { exchange in
                        requests.add(exchange.request)
                        try await exchange.respond(200, body: Array("reached\n".utf8))
                    }.serve(stream)
                }
            }
            defer {
                group.cancelAll()
                web.close()
                shell.close()
                secure.close()
            }
            return try await body(
                PlayedInternet(file: file, authority: world.certificateFile, requests: requests)
            )
        }
    }

    private static func description(_ web: Listener, _ shell: Listener, _ secure: Listener) throws -> JSONValue {
        var servers: [String: JSONValue] = [:]
        // Also for the closed ones: were one let through, it would be found.
        for address in Array(names.values) + ["169.254.169.254", "10.0.2.2", "10.0.2.3", "93.184.216.99"] {
            for (port, listener) in [(80, web), (22, shell), (443, secure)] {
                guard case .tcp(_, let played) = listener.address else { continue }
                servers["\(address):\(port)"] = .integer(Int64(played))
            }
        }
        return ["names": .object(names.mapValues { .array([.string($0)]) }), "servers": .object(servers)]
    }

    private static func serve(_ listener: Listener, _ body: @escaping @Sendable (Channel) async throws -> Void) async {
        await withTaskGroup(of: Void.self) { connections in
            while let connection = try? await listener.accept() {
                connections.addTask {
                    try? await body(connection)
                    connection.close()
                }
            }
            connections.cancelAll()
        }
    }

    private static func answer(_ connection: Channel) async throws {
        var request = ""
        while !request.hasSuffix("\r\n\r\n") {
            let bytes = try await connection.read()
            if bytes.isEmpty { return }
            request += String(decoding: bytes, as: UTF8.self)
        }
        let host = request.split(separator: "\r\n").first { $0.hasPrefix("Host: ") }?.dropFirst(6) ?? "nobody"
        let body = "reached \(host)\n"
        let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        try await connection.write(Array((head + body).utf8))
        try await connection.closeWriting()
    }
}
