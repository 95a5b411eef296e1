import HTTP
import Linux
import TLS
import Testing

/// What OpenSSL's server reads and writes in the clear, as one stream: an HTTP server can stand behind it.
private final class Plain: ByteStream {
    let server: OpenSSLServer

    init(_ server: OpenSSLServer) { self.server = server }

    func read(upTo count: Int) async throws -> [UInt8] { try await server.output.read(upTo: count) }
    func write(_ bytes: [UInt8]) async throws { try await server.input.write(bytes) }
    func closeWriting() async throws { try await server.input.closeWriting() }
    var hasInput: Bool { server.output.hasInput }

    func close() {
        server.output.close()
        server.input.close()
    }
}

@Suite struct `HTTP over TLS` {
    @Test func `uses one connection for many requests, with bodies of any size`() async throws {
        try await Authority.with { authority in
            try await OpenSSLServer.with(authority) { server in
                let http = HTTPServer { exchange in
                    let body = try await exchange.body.collect(limit: 10_000_000)
                    try await exchange.respond(200, body: body)
                }
                let serving = Task { await http.serve(Plain(server)) }
                // The server behind OpenSSL serves one connection: a second would never be answered.
                let client = HTTPClient { try await server.connect(authority) }
                for count in [0, 5, 3_000_000, 5] {
                    let bytes = pattern(count, 1)
                    let head = RequestHead(method: "POST", target: "/", headers: ["Host": "good.test"])
                    let answer = try await withDeadline(.seconds(60)) {
                        try await client.send(head, body: .bytes(bytes))
                    }
                    #expect(answer.head.status == 200 && answer.body == bytes)
                }
                client.closeIdle()
                serving.cancel()
            }
        }
    }
}
