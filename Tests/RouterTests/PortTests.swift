import HTTP
import Linux
import TLS
import Testing
import Wire

@testable import Router

@Suite struct `a port of a sandbox` {
    /// Answers with what it was asked, as text.
    private static let mirror: HTTPServer.Handler = { exchange in
        let request = exchange.request
        let body = try await exchange.body.collect(limit: 1 << 20)
        let fields = request.headers.fields.map { "\($0.name): \($0.value)\n" }.joined()
        var answer: Headers = ["Set-Cookie": "a=1"]
        answer.add("Set-Cookie", "b=2")
        try await exchange.respond(
            201,
            answer,
            body: Array("\(request.method) \(request.target)\n\(fields)\n".utf8) + body
        )
    }

    @Test(arguments: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "M-SEARCH"])
    func `gets any method with its path, query, fields and body`(_ method: String) async throws {
        try await Place.with { place in
            try await withServer(Self.mirror) { port in
                let body = method == "GET" ? HTTPClient.Body.none : .bytes(Array("the body".utf8))
                let answer = try await place.send(
                    method,
                    "/a%2Fb/../c?x=1&y=%20",
                    port: port,
                    ["X-Own": "é"],
                    body: body
                )
                #expect(answer.head.status == 201)
                let text = String(decoding: answer.body, as: UTF8.self)
                #expect(text.hasPrefix("\(method) /a%2Fb/../c?x=1&y=%20\n"))
                #expect(text.contains("Host: localhost\n") && text.contains("X-Own: é\n"))
                #expect(text.hasSuffix(method == "GET" ? "\n\n" : "\n\nthe body"))
                #expect(answer.head.headers.values("Set-Cookie") == ["a=1", "b=2"])
            }
        }
    }

    @Test func `gets nothing that belongs to one connection or to the router`() async throws {
        try await Place.with { place in
            try await withServer(Self.mirror) { port in
                let own = "e2b_\(Random.hex(20))"
                let answer = try await place.send(
                    port: port,
                    [
                        "Connection": "X-Hop, x", "X-Hop": "1", "Keep-Alive": "1", "TE": "trailers", "Trailer": "X",
                        "Proxy-Authorization": "x", "Upgrade": "h2c", "e2b-traffic-access-token": "t",
                        "X-API-Key": own, "x-api-key": "the program's own", "X-Access-Token": "the program's, too",
                        "Authorization": "Bearer \(own)", "authorization": "Bearer the program's",
                    ]
                )
                let text = String(decoding: answer.body, as: UTF8.self)
                let names = Set(text.split(separator: "\n").dropFirst().compactMap { $0.split(separator: ":").first })
                #expect(names == ["Host", "x-api-key", "X-Access-Token", "authorization"])
                #expect(!text.contains(own))
            }
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write(
                    "HTTP/1.1 200 OK\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nX-End: 1\r\n"
                        + "Proxy-Authenticate: x\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"
                )
            }) { port in
                let fields = try await place.send(port: port).head.headers.fields
                #expect(Set(fields.map(\.name)) == ["X-End", "Content-Length"])
            }
        }
    }

    @Test(arguments: ["Host: PORT-ID.e2b.localhost", "Host: PORT-ID-node.e2b.localhost:3443", "Host: PORT-ID.any.test"])
    func `is reached by host name`(_ host: String) async throws {
        try await Place.with { place in
            try await withServer(Self.mirror) { port in
                let name = host.dropFirst(6).replacing("PORT", with: String(port)).replacing("ID", with: place.guest.id)
                let answer = try await place.http.send(
                    request("GET", "/", ["Host": String(name), "E2b-Sandbox-Id": "x"])
                )
                #expect(answer.head.status == 201)
                #expect(String(decoding: answer.body, as: UTF8.self).contains("Host: \(name)\n"))
            }
        }
    }

    @Test func `finds another host in its requests, where that is wanted`() async throws {
        try await Place.with { place in
            place.guest.change { $0.ingress.maskedHost = "localhost:${PORT}" }
            try await withServer(Self.mirror) { port in
                let text = String(decoding: try await place.send(port: port).body, as: UTF8.self)
                #expect(text.contains("Host: localhost:\(port)\n"))
            }
        }
    }

    @Test func `answers HEAD, and statuses without a body`() async throws {
        try await Place.with { place in
            try await withServer({ exchange in
                let status = Int(exchange.request.path.dropFirst()) ?? 200
                try await exchange.respond(status, ["ETag": "x"], body: Array("body".utf8))
            }) { port in
                let client = try await Channel.connect(to: place.address)
                for (method, path) in [("HEAD", "/200"), ("GET", "/204"), ("GET", "/304"), ("GET", "/200")] {
                    try await client.write(
                        "\(method) \(path) HTTP/1.1\r\nHost: x\r\nE2b-Sandbox-Id: \(place.guest.id)\r\n"
                            + "E2b-Sandbox-Port: \(port)\r\n\r\n"
                    )
                    let head = try await client.read(through: "\r\n\r\n")
                    #expect(head.hasPrefix("HTTP/1.1 \(path.dropFirst()) ") && head.contains("ETag: x\r\n"))
                    #expect(head.contains("Content-Length: 4\r\n") == (path == "/200"))
                }
                // Had one of them brought a body, this would not be the next.
                expect(try await client.read(through: "body"), is: "body")
            }
        }
    }

    @Test func `may say first that its answer is to come, and close behind it without a length`() async throws {
        try await Place.with { place in
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n")
                try await connection.write("HTTP/1.0 200 Whatever\r\nX: y\r\n\r\nto the end")
            }) { port in
                let answer = try await place.send(port: port)
                #expect(answer.head.status == 200 && answer.body == Array("to the end".utf8))
            }
        }
    }

    @Test func `keeps its trailers to itself`() async throws {
        try await Place.with { place in
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write(
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Evil\r\n\r\n2\r\nhi\r\n0\r\nEvil: 1\r\n\r\n"
                )
            }) { port in
                let client = try await place.connect(port: port, "Connection: close\r\n\r\n")
                let answer = try await client.textToEnd()
                #expect(answer.hasSuffix("2\r\nhi\r\n0\r\n\r\n") && !answer.contains("Evil"))
            }
        }
    }

    @Test func `sends a stream's parts as they come, and gets them so`() async throws {
        try await Place.with { place in
            try await withServer({ exchange in
                let writer = try exchange.start(200, ["Content-Type": "text/event-stream"])
                try await writer.flush()
                while true {
                    let bytes = try await exchange.body.read()
                    if bytes.isEmpty { return try await writer.finish() }
                    try await writer.write(bytes)
                }
            }) { port in
                let client = try await place.connect(
                    "POST / HTTP/1.1",
                    port: port,
                    "Transfer-Encoding: chunked\r\n\r\n"
                )
                // The head comes before anything else is known.
                #expect(try await client.read(through: "\r\n\r\n").contains("text/event-stream"))
                for word in ["one", "two", "six"] {
                    try await client.write("3\r\n\(word)\r\n")
                    expect(try await client.read(through: "\(word)\r\n"), is: "3\r\n\(word)\r\n")
                }
                try await client.write("0\r\n\r\n")
                expect(try await client.read(through: "0\r\n\r\n"), is: "0\r\n\r\n")
            }
        }
    }

    @Test(arguments: [nil, 6_000_000])
    func `carries bodies of any size both ways at once`(length: Int?) async throws {
        try await Place.with { place in
            try await withServer({ exchange in
                let writer = try exchange.start(200, length: length)
                try await exchange.body.copy(to: writer)
                try await writer.finish()
            }) { port in
                let bytes = pattern(6_000_000)
                let answer = try await place.send(
                    "POST",
                    port: port,
                    body: .stream(length: length) { try await $0.write(bytes) }
                )
                #expect(answer.body == bytes)
                #expect(answer.head.headers["Content-Length"] == length.map { "\($0)" })
            }
        }
    }

    @Test func `sees to it that a client which waits to be asked for its body is asked`() async throws {
        try await Place.with { place in
            try await withServer(Self.mirror) { port in
                let client = try await place.connect(
                    "POST / HTTP/1.1",
                    port: port,
                    "Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
                )
                expect(try await client.read(through: "\r\n\r\n"), is: "HTTP/1.1 100 Continue\r\n\r\n")
                try await client.write("hi")
                let answer = try await client.textToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 201") && answer.hasSuffix("hi") && !answer.contains("Expect"))
            }
        }
    }

    @Test func `is asked over kept connections, which no other sandbox ever uses`() async throws {
        try await Place.with(guests: 2) { place in
            let connections = Counter()
            try await withServer(
                through: {
                    connections.add(); return $0
                },
                Self.mirror
            ) { port in
                for _ in 0..<5 { expect(try await place.send(port: port).head.status, is: 201) }
                #expect(connections.value == 1)
                let other = place.guests[1].headers(port)
                for _ in 0..<5 { expect(try await place.http.send(request("GET", "/", other)).head.status, is: 201) }
                #expect(connections.value == 2)
            }
        }
    }

    @Test func `may speak TLS itself`() async throws {
        let folder = "/tmp/router-tls-\(Random.name(10))"
        let identity = try CertificateAuthority(directory: folder).identity(for: "inside.test")
        defer { try? Files.remove(folder) }
        try await Place.with { place in
            try await withServer(through: { try await TLSStream.accept(over: $0, as: identity) }, Self.mirror) { port in
                place.guest.change { $0.ingress.tlsPorts = [port] }
                let bytes = pattern(300_000)
                let answer = try await place.send("POST", port: port, body: .bytes(bytes))
                #expect(answer.head.status == 201 && answer.body.suffix(bytes.count).elementsEqual(bytes))
            }
        }
    }

    @Test func `lets through what needs a token only with it`() async throws {
        try await Place.with { place in
            place.guest.change {
                $0.ingress.allowsPublicTraffic = false
                $0.trafficToken = Secret("the token")
            }
            try await withServer(Self.mirror) { port in
                for (headers, what) in [
                    ([:], "Token header 'e2b-traffic-access-token' is missing"),
                    (["e2b-traffic-access-token": "a token"], "Provided token is not valid"),
                    (["e2b-traffic-access-token": ""], "Provided token is not valid"),
                ] as [(Headers, String)] {
                    let refused = try await place.send(port: port, headers)
                    #expect(refused.head.status == 403)
                    let message = try json(refused.body)["message"]?.string
                    #expect(message == "Sandbox is secured with traffic access token. \(what)")
                }
                let opened = try await place.send(port: port, ["E2B-Traffic-Access-Token": "the token"])
                #expect(opened.head.status == 201)
                #expect(!String(decoding: opened.body, as: UTF8.self).contains("the token"))
                let trusted = try await Place.http(place.trusted).send(request("GET", "/", place.guest.headers(port)))
                #expect(trusted.head.status == 201)
                // The agent's own port asks for its own token.
                expect(try await place.send("GET", "/health", port: GuestProtocol.agentPort).head.status, is: 204)
            }
        }
    }
}
