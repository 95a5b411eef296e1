import Linux
import TLS
import Testing

@Suite struct `a TLS connection` {
    @Test(arguments: [["-tls1_3"], ["-tls1_2"]], ["good.test", "127.0.0.1"])
    func `carries bytes both ways at once`(version: [String], host: String) async throws {
        try await Authority.with { authority in
            try await OpenSSLServer.with(authority, "good", version) { server in
                let connection = try await server.connect(authority, as: host)
                let (down, up) = (pattern(3_000_000, 1), pattern(2_000_000, 3))
                async let fed: Void = server.input.write(down)
                async let sent: Void = connection.write(up)
                async let received = read(up.count, from: server.output)
                #expect(try await read(down.count, from: connection) == down)
                #expect(try await received == up)
                _ = try await (fed, sent)
                #expect(!connection.hasInput)
                try await server.input.write([1])
                #expect(try await connection.read() == [1])
                connection.close()
            }
        }
    }

    private func read(_ count: Int, from stream: any ByteStream) async throws -> [UInt8] {
        var all: [UInt8] = []
        while all.count < count {
            let bytes = try await stream.read()
            if bytes.isEmpty { break }
            all += bytes
        }
        return all
    }

    @Test func `says which server it wants and which protocol`() async throws {
        try await Authority.with { authority in
            // The server refuses every other name and every other protocol.
            let key = "\(authority.folder)/key.pem"
            let options = [
                "-servername", "good.test", "-servername_fatal", "-cert2", "\(authority.folder)/good.pem", "-key2", key,
                "-alpn", "http/1.1",
            ]
            try await OpenSSLServer.with(authority, "foreign", options) { server in
                let connection = try await server.connect(authority)
                try await connection.write([1])
                #expect(try await server.output.read() == [1])
            }
        }
    }

    @Test(arguments: [
        ("good", "other.test", true, "The certificate that 'other.test' showed is for another host"),
        ("good", "127.0.0.2", true, "The certificate that '127.0.0.2' showed is for another host"),
        ("old", "good.test", true, "The certificate of 'good.test' is not valid now (certificate has expired)"),
        ("foreign", "good.test", true, "The certificate of 'good.test' is from an authority that is not trusted here"),
        ("good", "good.test", false, "The certificate of 'good.test' is from an authority that is not trusted here"),
    ])
    func `is refused with what is wrong with the certificate, and for whom`(
        certificate: String,
        host: String,
        isTrusted: Bool,
        message: String
    ) async throws {
        try await Authority.with { authority in
            try await Authority.with { stranger in
                try await OpenSSLServer.with(authority, certificate) { server in
                    let error = await #expect(throws: TLSError.self) {
                        try await server.connect(isTrusted ? authority : stranger, as: host)
                    }
                    #expect(error?.code == .certificate)
                    #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "")")
                }
            }
        }
    }

    @Test func `needs TLS 1.2`() async throws {
        try await Authority.with { authority in
            let options = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
            try await OpenSSLServer.with(authority, "good", options) { server in
                let error = await #expect(throws: TLSError.self) { try await server.connect(authority) }
                #expect(error?.code == .handshake)
                #expect(error?.message.contains("version") == true)
            }
        }
    }

    @Test(arguments: ["", "HTTP/1.1 400 Bad Request\r\n\r\n"])
    func `is not made with a server that speaks no TLS`(answer: String) async throws {
        try await Authority.with { authority in
            try await withListener({ connection in
                _ = try await connection.read()
                if !answer.isEmpty { try await connection.write(Array(answer.utf8)) }
            }) { address in
                let stream = try await Channel.connect(to: address)
                let trust = try TLSTrust(file: authority.file)
                let error = await #expect(throws: TLSError.self) {
                    try await TLSStream.connect(over: stream, to: "good.test", trust: trust)
                }
                #expect(error?.code == .handshake)
                #expect(error?.message.contains("'good.test'") == true)
                // The stream is closed with it.
                await #expect(throws: LinuxError.self) { try await stream.write([1]) }
            }
        }
    }

    @Test func `tells a clean end from one that may have been made by another`() async throws {
        try await Authority.with { authority in
            try await OpenSSLServer.with(authority) { server in
                let connection = try await server.connect(authority)
                try await server.input.write([1, 2])
                #expect(try await connection.read() == [1, 2])
                server.process.send(9)
                let error = await #expect(throws: TLSError.self) { try await connection.read() }
                #expect(error?.code == .truncated)
            }
            try await OpenSSLServer.with(authority, "good", ["-naccept", "1", "-rev"]) { server in
                let connection = try await server.connect(authority)
                try await connection.write(Array("hello\n".utf8))
                #expect(try await connection.read() == Array("olleh\n".utf8))
                // The server answers our end with its own.
                try await connection.closeWriting()
                #expect(try await connection.read() == [])
                #expect(try await connection.read() == [])
                #expect(connection.hasInput)
            }
        }
    }

    @Test func `ends a wait at once when its task is cancelled`() async throws {
        try await Authority.with { authority in
            let begun = Latch<Void>()
            try await withListener({ connection in
                _ = try await connection.read()
                begun.set(())
                _ = try await connection.readToEnd()
            }) { address in
                let trust = try TLSTrust(file: authority.file)
                let task = Task {
                    let stream = try await Channel.connect(to: address)
                    return try await TLSStream.connect(over: stream, to: "good.test", trust: trust)
                }
                try await begun.value()
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
    }

    @Test func `names the file of authorities that is none`() throws {
        let error = #expect(throws: TLSError.self) { try TLSTrust(file: "/nowhere/ca.pem") }
        #expect(error?.code == .trust)
        #expect(try TLSTrust.system() === TLSTrust.system())
    }
}
