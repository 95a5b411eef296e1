import Linux
import TLS
import Testing

@testable import Egress

@Suite struct `the reader of a client's first message` {
    @Test func `reads the name of a real client, in whatever pieces it comes`() async throws {
        let (mine, other) = try pair()
        let bytes = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = try? await TLSStream.connect(over: mine, to: "pypi.org", trust: TLSTrust.system())
            }
            let bytes = try await other.read()
            other.close()
            return bytes
        }
        for count in 1..<bytes.count { #expect(ClientHello.read(bytes.prefix(count)) == .incomplete) }
        #expect(ClientHello.read(bytes) == .names(try domain("pypi.org")))
    }

    @Test(arguments: [16_384, 100, 20])
    func `joins records`(size: Int) throws {
        #expect(ClientHello.read(hello("a.b.example.com", recordSize: size)) == .names(try domain("a.b.example.com")))
    }

    @Test func `knows a client that names nobody`() {
        #expect(ClientHello.read(hello(nil)) == .names(nil))
    }

    @Test func `refuses what can be read in two ways, and what is no name`() {
        let twice: [(UInt16, [UInt8])] = [(0, [0, 6, 0, 0, 3, 0x61, 0x2E, 0x62])]
        #expect(ClientHello.read(hello("a.b", extensions: twice)) == .malformed)
        for name in ["1.2.3.4", "", "a b", "a\0.good.com", "127.1"] {
            #expect(ClientHello.read(hello(name)) == .malformed)
        }
        #expect(ClientHello.read(hello("good.com", recordSize: 1)) == .malformed)
        #expect(ClientHello.read([0x16, 3, 1, 0, 0]) == .malformed)
        #expect(ClientHello.read([0x16, 3, 1, 0, 5, 2, 0]) == .malformed)
        #expect(ClientHello.read([0x16, 3, 1, 0x40, 1, 1]) == .malformed)
    }
}

@Suite struct `the watch over first words` {
    /// What passes and which names are given, when all bytes come in pieces of `size`.
    private func watch(_ bytes: [UInt8], inPiecesOf size: Int) throws -> (bytes: [UInt8], names: [String]) {
        var words = FirstWords()
        var passed: [UInt8] = []
        var names: [String] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let step = try words.add(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            passed += step.bytes
            names += step.names.map { given in
                switch given {
                case .tls(let name): "tls \(name?.text ?? "-")"
                case .http(let authority):
                    switch authority.host {
                    case .name(let name): "http \(name) \(authority.port ?? 0)"
                    case .address(let address): "http \(address) \(authority.port ?? 0)"
                    }
                }
            }
        }
        return (passed + words.finish(), names)
    }

    @Test(arguments: [1, 2, 7, 100, 100_000])
    func `passes every byte on unchanged, and finds every name`(size: Int) throws {
        let post = Array("POST /a HTTP/1.1\r\nHost: two.com:8080\r\nContent-Length: 5\r\n\r\nhello".utf8)
        let chunked = Array(
            "PUT http://three.com/x HTTP/1.1\r\nHost: three.com\r\nTransfer-Encoding: chunked\r\n\r\n".utf8
        )
        let chunks = Array("5\r\nGET /\r\n0\r\n\r\n".utf8)
        let all = request("One.com") + post + chunked + chunks + request("[2001:4860::1]:81") + request("1.2.3.4")
        let seen = try watch(all, inPiecesOf: size)
        #expect(seen.bytes == all)
        #expect(
            seen.names == [
                "http one.com 0", "http two.com 8080", "http three.com 0", "http 2001:4860::1 81", "http 1.2.3.4 0",
            ]
        )
        let tls = hello("good.com") + [23, 3, 3, 0, 1, 9]
        #expect(try watch(tls, inPiecesOf: size).bytes == tls)
        #expect(try watch(tls, inPiecesOf: size).names == ["tls good.com"])
    }

    @Test(arguments: [1, 3, 100])
    func `lets other protocols pass without a name`(size: Int) throws {
        for text in [
            "SSH-2.0-OpenSSH_9.2\r\n", "EHLO me\r\n", "PING\r\n", "hi", "\0\0\0\u{8}", "a1 LOGIN x y\r\n",
            "get key\r\n",
        ] {
            let seen = try watch(Array(text.utf8), inPiecesOf: size)
            #expect(seen.bytes == Array(text.utf8) && seen.names.isEmpty, "\(text)")
        }
    }

    @Test func `follows a connection that leaves HTTP, and one that only says so`() throws {
        let upgrade = request("one.com", "/", "Connection: Upgrade\r\nUpgrade: websocket\r\n")
        let frames: [UInt8] = [0x81, 0x05, 0x47, 0x45, 0x54, 0x20, 0x2F]
        #expect(try watch(upgrade + frames, inPiecesOf: 3).names == ["http one.com 0"])
        #expect(try watch(upgrade + request("evil.com"), inPiecesOf: 3).names == ["http one.com 0", "http evil.com 0"])
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.com\r\nHost: b.com\r\n\r\n",
        "GET http://a.com/ HTTP/1.1\r\nHost: b.com\r\n\r\n", "GET / HTTP/1.1\nHost: a.com\n\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.com\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.com\r\n\r\n", "GET / HTTP/1.1\r\n Host: a.com\r\n\r\n",
        "CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com@b.com\r\n\r\n", "GET / HTTP/1.1\r\nHost: 127.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.com\rX: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a.com:99999\r\n\r\n",
    ])
    func `refuses requests that two readers could read in two ways`(text: String) {
        #expect(throws: FirstWords.Malformed.self) { try watch(Array(text.utf8), inPiecesOf: 5) }
    }
}

@Suite struct `the name server's messages` {
    private let header: [UInt8] = [0xAB, 0xCD, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    private let question =
        [3] + Array("wWw".utf8) + [7] + Array("example".utf8) + [3] + Array("com".utf8) + [0, 0, 1, 0, 1]

    private func read(_ bytes: [UInt8]) throws -> DNSQuestion {
        guard case .question(let question) = DNSQuestion.read(bytes) else { throw EgressError(.invalid, "no question") }
        return question
    }

    @Test func `are read, and answered in the question's own letters`() throws {
        let asked = try read(header + question)
        #expect(asked.name == DomainName("www.example.com") && asked.kind == .a)
        let answer = DNSAnswer(.success, [.v4(0x0102_0304)], lifetime: .seconds(30)).encoded(to: asked)
        #expect(
            answer == [0xAB, 0xCD, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + question
                + [0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 1, 2, 3, 4]
        )
    }

    @Test func `grow no longer than the client takes`() throws {
        let many = (0..<200).map { IPAddress.v6(UInt128($0) + 1 << 125) }
        let plain = DNSAnswer(.success, many, lifetime: .seconds(1)).encoded(to: try read(header + question))
        #expect(plain.count <= 512 && plain[7] == 16)
        var wide = header
        wide[11] = 1
        let edns: [UInt8] = [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]
        let answer = DNSAnswer(.success, many, lifetime: .seconds(1)).encoded(to: try read(wide + question + edns))
        #expect(answer.count > 1000 && answer.count <= 1232 && answer[11] == 1)
    }

    @Test func `are refused when they are not one plain question`() {
        var cases: [[UInt8]] = []
        for (index, value) in [(2, 0x28), (5, 2), (5, 0), (7, 1), (9, 1), (11, 2), (11, 1), (2, 3)] as [(Int, UInt8)] {
            var message = header + question
            message[index] = value
            cases.append(message)
        }
        cases += [header + [0xC0, 12, 0, 1, 0, 1], header + [64, 1], header, header + question + [0]]
        for message in cases { #expect(DNSQuestion.read(message) == .malformed(id: 0xABCD)) }
        #expect(DNSQuestion.read([1, 2]) == .ignored)
        #expect(DNSQuestion.read([0, 0, 0x80, 0] + question) == .ignored)
        #expect(DNSQuestion.read([UInt8](repeating: 0, count: 1025)) == .ignored)
    }

    @Test func `have no name that no host can have`() throws {
        for labels in [[3, 0x61, 0x2E, 0x62], [1, 0], [1, 0x2D], []] as [[UInt8]] {
            #expect(try read(header + labels + [0, 0, 1, 0, 1]).name == nil)
        }
    }
}
