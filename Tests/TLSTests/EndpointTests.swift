import Linux
import Testing

@testable import TLS

@Suite struct `an endpoint` {
    @Test(
        arguments: [
            ("https://api.anthropic.com", "api.anthropic.com", 443, "", "api.anthropic.com"),
            ("http://127.0.0.1:8080/sandbox/abc/", "127.0.0.1", 8080, "/sandbox/abc", "127.0.0.1:8080"),
            ("HTTPS://h:443//", "h", 443, "", "h"), ("http://h:443", "h", 443, "", "h:443"),
        ] as [(String, String, UInt16, String, String)]
    )
    func `is read from a URL`(url: String, host: String, port: UInt16, prefix: String, authority: String) throws {
        let endpoint = try #require(Endpoint(url: url))
        #expect(endpoint.host == host && endpoint.port == port)
        #expect(endpoint.pathPrefix == prefix && endpoint.authority == authority)
        #expect(Endpoint(url: endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", "h", "ftp://h", "http://", "http://:80", "http://h:0", "http://h:99999", "http://h:x", "http://u:p@h",
        "http://u@h", "http://h h", "http://h/a?b", "http://h/a#b", "http://h:1:2", "http://h/a b", "http://h?b",
    ])
    func `is nothing else`(url: String) {
        #expect(Endpoint(url: url) == nil)
    }

    @Test func `is reached by name, and with TLS where it should be`() async throws {
        try await Authority.with { authority in
            let trust = try TLSTrust(file: authority.file)
            try await OpenSSLServer.with(authority) { server in
                // The server is on a unix socket; this brings it to a port.
                let path = server.address
                try await withListener({ connection in
                    let inner = try await retrying(every: .milliseconds(5), for: .seconds(20)) {
                        try? await Channel.connect(to: path)
                    }
                    await splice(connection, inner)
                }) { address in
                    let plain = try await #require(Endpoint(url: "https://\(address)")).connect(trust: trust)
                    try await plain.write([1])
                    plain.close()
                    let port = "\(address)".split(separator: ":")[1]
                    let error = await #expect(throws: TLSError.self) {
                        try await #require(Endpoint(url: "https://localhost:\(port)")).connect(trust: trust)
                    }
                    #expect(error?.code == .certificate)
                }
            }
        }
    }

    @Test func `that can not be reached is named`() async throws {
        // A port that nobody is given by chance, as one that was just closed may be.
        let address = "127.0.0.1:1"
        let refused = await #expect(throws: TLSError.self) {
            try await #require(Endpoint(url: "http://\(address)")).connect()
        }
        #expect(refused?.code == .unreachable)
        #expect(refused?.message.contains("'\(address)'") == true)

        try await withListener({ connection in _ = try await connection.readToEnd() }) { address in
            let endpoint = try #require(Endpoint(url: "https://\(address)"))
            let slow = await #expect(throws: TLSError.self) { try await endpoint.connect(limit: .milliseconds(50)) }
            #expect(slow?.code == .unreachable)
        }
    }
}

@Suite struct `the resolver` {
    @Test func `gives an address for itself and for localhost`() async throws {
        #expect(try await Resolver.addresses(of: "192.0.2.7") == ["192.0.2.7"])
        #expect(try await Resolver.addresses(of: "localhost").contains("127.0.0.1"))
    }

    @Test func `names what it does not find`() async throws {
        let error = await #expect(throws: TLSError.self) { try await Resolver.addresses(of: "no such host") }
        #expect(error?.code == .unknownHost)
        #expect(error?.message.hasPrefix("The name 'no such host' could not be resolved: ") == true)
    }
}

@Suite struct `a proxy` {
    @Test func `is found in the environment, with exceptions`() throws {
        func proxy(_ host: String, _ variables: [String: String]) -> Proxy? {
            Proxy.fromEnvironment(for: host) { variables[$0] }
        }
        #expect(proxy("h", [:]) == nil)
        #expect(proxy("h", ["HTTPS_PROXY": "http://p:3128/"])?.port == 3128)
        #expect(proxy("h", ["https_proxy": "p", "HTTPS_PROXY": "q"])?.host == "p")
        #expect(proxy("h", ["https_proxy": "https://p"]) == nil)
        for host in ["localhost", "127.0.0.1", "h", "a.h", "B.H", "c.d"] {
            #expect(proxy(host, ["https_proxy": "p", "no_proxy": "h, .d"]) == nil, "\(host)")
        }
        for host in ["ah", "h.a", "d.e"] {
            #expect(proxy(host, ["https_proxy": "p", "no_proxy": "h, .d"]) != nil, "\(host)")
        }
        #expect(proxy("h", ["https_proxy": "p", "NO_PROXY": "*"]) == nil)
    }

    @Test func `is asked for a connection, with its user's name and password`() async throws {
        let asked = Latch<String>()
        try await withListener({ connection in
            var head: [UInt8] = []
            while !head.suffix(4).elementsEqual(Array("\r\n\r\n".utf8)) { head += try await connection.read(upTo: 1) }
            asked.set(String(decoding: head, as: UTF8.self))
            try await connection.write(Array("HTTP/1.1 200 Connection established\r\nA: b\r\n\r\nfirst".utf8))
            _ = try await connection.readToEnd()
        }) { address in
            let proxy = try #require(Proxy("http://user:p%40ss@\(address)"))
            let stream = try await Channel.connect(to: address)
            try await proxy.carry(stream, to: "host.test", 443)
            #expect(try await stream.read() == Array("first".utf8))
            #expect(
                try await asked.value()
                    == "CONNECT host.test:443 HTTP/1.1\r\nHost: host.test:443\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"
            )
            #expect(!"\(proxy)".contains("dXNlcjpwQHNz"))
            stream.close()
        }
    }

    @Test(arguments: ["HTTP/1.1 407 Who are you\r\n\r\n", "", "hello\r\n\r\n"])
    func `that refuses is named`(answer: String) async throws {
        try await withListener({ connection in
            _ = try await connection.read()
            if !answer.isEmpty { try await connection.write(Array(answer.utf8)) }
        }) { address in
            let proxy = try #require(Proxy("\(address)"))
            let stream = try await Channel.connect(to: address)
            let error = await #expect(throws: TLSError.self) { try await proxy.carry(stream, to: "host.test", 443) }
            #expect(error?.code == .proxy)
            #expect(error?.message.contains("'127.0.0.1'") == true && error?.message.contains("'host.test'") == true)
        }
    }
}
