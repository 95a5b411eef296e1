import FoundationEssentials
import Glibc
import HTTP
import Linux
import TLS
import Testing

/// A folder that goes with the scope.
private func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = "/tmp/tls-server-\(Random.name(10))"
    defer { try? Files.remove(folder) }
    try await body(folder)
}

/// Serves HTTP by TLS under `domain` while `body` runs; every answer is its request's path and body.
private func withServer(
    _ folder: String,
    _ domain: String = "e2b.localhost",
    identity: TLSIdentity? = nil,
    _ body: @Sendable (UInt16) async throws -> Void
) async throws {
    let identity = try identity ?? CertificateAuthority(directory: folder).identity(for: domain)
    let listener = try Listener(.loopback(0))
    var limits = HTTPLimits()
    limits.headTime = .seconds(60)
    let server = HTTPServer(limits: limits) { exchange in
        let bytes = try await exchange.body.collect(limit: 1 << 24)
        try await exchange.respond(200, body: Array(exchange.request.path.utf8) + bytes)
    }
    guard case .tcp(_, let port) = listener.address else { return }
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            try? await server.run(on: listener) { try await TLSStream.accept(over: $0, as: identity) }
        }
        defer {
            group.cancelAll()
            listener.close()
        }
        try await body(port)
    }
}

private func run(_ name: String, _ arguments: String..., input: String = "") async throws -> Program.Output {
    var program = try Program(name, arguments, input: Array(input.utf8))
    program.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
    return try await withDeadline(.seconds(60)) { [program] in try await program.run() }
}

@Suite struct `a TLS server` {
    @Test func `is believed by those who trust its authority, under its domain and all names below`() async throws {
        try await withFolder { folder in
            try await withServer(folder) { port in
                for host in ["e2b.localhost", "3000-i1234.e2b.localhost"] {
                    let answer = try await run(
                        "curl",
                        "-sS",
                        "--fail",
                        "--cacert",
                        "\(folder)/ca.pem",
                        "--resolve",
                        "\(host):\(port):127.0.0.1",
                        "--data-binary",
                        "@-",
                        "https://\(host):\(port)/hello-",
                        input: String(repeating: "x", count: 100_000)
                    )
                    #expect(answer.text == "/hello-" + String(repeating: "x", count: 100_000), "\(answer.errorText)")
                }
                for (host, file) in [("a.b.e2b.localhost", "ca.pem"), ("other.localhost", "ca.pem")] {
                    let answer = try await run(
                        "curl",
                        "-sS",
                        "--cacert",
                        "\(folder)/\(file)",
                        "--resolve",
                        "\(host):\(port):127.0.0.1",
                        "https://\(host):\(port)/"
                    )
                    #expect(answer.status == .exited(60), "\(answer.errorText)")
                }
                let stranger = try await run(
                    "curl",
                    "-sS",
                    "--resolve",
                    "e2b.localhost:\(port):127.0.0.1",
                    "https://e2b.localhost:\(port)/"
                )
                #expect(stranger.status == .exited(60), "\(stranger.errorText)")
            }
        }
    }

    @Test(arguments: [
        (["-alpn", "h2,http/1.1"], "ALPN protocol: http/1.1"), (["-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        ([], "No ALPN negotiated"), (["-tls1_2"], "TLSv1.2"), (["-tls1_3"], "TLSv1.3"),
    ])
    func `speaks HTTP/1.1 and TLS from 1.2 on`(options: [String], sign: String) async throws {
        try await withFolder { folder in
            try await withServer(folder) { port in
                var program = try Program(
                    "openssl",
                    [
                        "s_client", "-connect", "127.0.0.1:\(port)", "-servername", "x.e2b.localhost", "-CAfile",
                        "\(folder)/ca.pem", "-verify_return_error", "-verify_hostname", "x.e2b.localhost",
                    ] + options,
                    input: Array("GET /path HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
                )
                program.arguments.append("-ign_eof")
                program.environment = ["PATH": "/usr/bin:/bin"]
                let output = try await withDeadline(.seconds(60)) { [program] in try await program.run() }
                #expect(output.text.contains("Verify return code: 0 (ok)"))
                #expect(output.text.contains(sign))
                #expect(output.text.contains("HTTP/1.1 200 OK") && output.text.contains("/path"))
            }
        }
    }

    @Test(arguments: [["-alpn", "h2"], ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]])
    func `refuses what it does not speak`(options: [String]) async throws {
        try await withFolder { folder in
            try await withServer(folder) { port in
                let program = try Program("openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + options)
                let output = try await withDeadline(.seconds(60)) { try await program.run() }
                #expect(!output.status.isSuccess)
                #expect(output.errorText.contains("alert"), "\(output.errorText)")
            }
        }
    }

    @Test func `outlives clients that speak no TLS, break off, or never say anything`() async throws {
        try await withFolder { folder in
            try await withServer(folder) { port in
                let silent = try await Channel.connect(to: .loopback(port))
                let plain = try await Channel.connect(to: .loopback(port))
                try await plain.write(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                // It ends in an alert, and in nothing that is HTTP.
                #expect(!String(decoding: try await plain.readToEnd(), as: UTF8.self).contains("HTTP"))
                let hello = try await Channel.connect(to: .loopback(port))
                try await hello.write([0x16, 3, 1, 2, 0, 1])
                hello.close()
                let trust = try TLSTrust(file: "\(folder)/ca.pem")
                let stream = try await TLSStream.connect(
                    over: try await Channel.connect(to: .loopback(port)),
                    to: "x.e2b.localhost",
                    trust: trust
                )
                try await stream.write(Array("GET /still HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
                #expect(String(decoding: try await stream.readToEnd(), as: UTF8.self).hasSuffix("/still"))
                silent.close()
            }
        }
    }

    @Test func `lets each side end its direction first`() async throws {
        try await withFolder { folder in
            let identity = try CertificateAuthority(directory: folder).identity(for: "e2b.localhost")
            let trust = try TLSTrust(file: "\(folder)/ca.pem")
            try await withListener({ channel in
                let stream = try await TLSStream.accept(over: channel, as: identity)
                let all = try await stream.readToEnd()
                try await stream.write(all.reversed())
                try await stream.closeWriting()
                _ = try await stream.readToEnd()
            }) { address in
                let stream = try await TLSStream.connect(
                    over: try await Channel.connect(to: address),
                    to: "e2b.localhost",
                    trust: trust
                )
                let bytes = pattern(1_000_000, 7)
                try await stream.write(bytes)
                try await stream.closeWriting()
                #expect(try await stream.readToEnd() == bytes.reversed())
            }
        }
    }
}

@Suite struct `a certificate authority` {
    private func text(_ path: String) throws -> String { String(decoding: try Files.read(path), as: UTF8.self) }

    private func names(_ folder: String) async throws -> String {
        try await run("openssl", "x509", "-in", "\(folder)/server.pem", "-noout", "-ext", "subjectAltName").text
    }

    @Test func `is made once, and its keys are its owner's alone`() async throws {
        try await withFolder { folder in
            let authority = CertificateAuthority(directory: folder)
            _ = try authority.identity(for: "e2b.localhost")
            let before = try ["ca.pem", "ca.key", "server.pem"].map { try text("\(folder)/\($0)") }
            #expect(Files.list(folder) == ["ca.key", "ca.pem", "server.pem"])
            #expect(authority.certificateFile == "\(folder)/ca.pem")
            #expect(!before[0].contains("PRIVATE"))
            for (name, mode) in [("ca.key", 0o600), ("server.pem", 0o600), ("ca.pem", 0o644)] as [(String, mode_t)] {
                var facts = stat()
                #expect(stat("\(folder)/\(name)", &facts) == 0 && facts.st_mode & 0o777 == mode, "\(name)")
            }
            let found = try await names(folder)
            #expect(found.contains("DNS:*.e2b.localhost, DNS:e2b.localhost\n"), "\(found)")
            _ = try authority.identity(for: "e2b.localhost")
            #expect(try ["ca.pem", "ca.key", "server.pem"].map { try text("\(folder)/\($0)") } == before)
        }
    }

    @Test func `makes another certificate for another domain, and stays itself`() async throws {
        try await withFolder { folder in
            let authority = CertificateAuthority(directory: folder)
            _ = try authority.identity(for: "e2b.localhost")
            let before = try text("\(folder)/ca.pem")
            _ = try authority.identity(for: "sandboxes.example.com")
            #expect(try text("\(folder)/ca.pem") == before)
            #expect(try await names(folder).contains("DNS:*.sandboxes.example.com, DNS:sandboxes.example.com\n"))
        }
    }

    @Test func `replaces what is lost, broken, near its end, or another's`() async throws {
        try await withFolder { folder in
            let authority = CertificateAuthority(directory: folder)
            _ = try authority.identity(for: "e2b.localhost")
            let kept = try text("\(folder)/ca.pem")
            // The certificate for clients, and the server's: the authority itself stays.
            for file in ["ca.pem", "server.pem"] {
                for damage in [nil, "", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
                    try Files.remove("\(folder)/\(file)")
                    if let damage { try Files.write(damage.utf8, to: "\(folder)/\(file)") }
                    _ = try authority.identity(for: "e2b.localhost")
                    #expect(try text("\(folder)/ca.pem") == kept)
                }
            }
            // A certificate with ten days to go, by the same authority.
            try Files.write("subjectAltName=DNS:*.e2b.localhost,DNS:e2b.localhost\n".utf8, to: "\(folder)/names")
            let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            for arguments in [
                ["req"] + key + ["-keyout", "k", "-out", "r", "-subj", "/CN=x"],
                [
                    "x509", "-req", "-in", "r", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "10",
                    "-extfile", "names", "-out", "c",
                ],
            ] {
                let made = try await Program("openssl", arguments, directory: folder).run()
                #expect(made.status.isSuccess, "\(made.errorText)")
            }
            let old = try text("\(folder)/k") + text("\(folder)/c")
            try Files.write(old.utf8, to: "\(folder)/server.pem")
            _ = try authority.identity(for: "e2b.localhost")
            #expect(try text("\(folder)/server.pem") != old)
            // Without its key it can sign nothing more.
            try Files.write("broken".utf8, to: "\(folder)/ca.key")
            _ = try authority.identity(for: "e2b.localhost")
            #expect(try text("\(folder)/ca.pem") != kept)
            let verdict = try await run("openssl", "verify", "-CAfile", "\(folder)/ca.pem", "\(folder)/server.pem")
            #expect(verdict.status.isSuccess, "\(verdict.errorText)")
        }
    }

    @Test(arguments: [
        "localhost", "", ".", "a..b", "-a.b", "a.b-", "A.b", "a.b,DNS:evil.test", "*.a.b", "a b.c", "é.fr",
    ])
    func `refuses what is no domain that a wildcard may stand below`(_ domain: String) async throws {
        try await withFolder { folder in
            let error = #expect(throws: TLSError.self) {
                try CertificateAuthority(directory: folder).identity(for: domain)
            }
            #expect(error?.code == .identity && !Files.exists(folder))
        }
    }

    @Test func `is not needed by who has a certificate`() async throws {
        try await Authority.with { authority in
            let folder = authority.folder
            let identity = try TLSIdentity(certificate: "\(folder)/good.pem", key: "\(folder)/key.pem")
            try await withServer(folder, identity: identity) { port in
                let stream = try await TLSStream.connect(
                    over: try await Channel.connect(to: .loopback(port)),
                    to: "good.test",
                    trust: try TLSTrust(file: authority.file)
                )
                stream.close()
            }
            let encrypted = try await Program(
                "openssl",
                ["pkey", "-in", "key.pem", "-aes128", "-passout", "pass:secret", "-out", "locked.pem"],
                directory: folder
            )
            .run()
            #expect(encrypted.status.isSuccess)
            for (certificate, key) in [
                ("good.pem", "ca.key"), ("good.pem", "missing"), ("missing", "key.pem"), ("good.pem", "locked.pem"),
                ("key.pem", "key.pem"), ("good.pem", "good.pem"),
            ] {
                let error = #expect(throws: TLSError.self) {
                    try TLSIdentity(certificate: "\(folder)/\(certificate)", key: "\(folder)/\(key)")
                }
                #expect(error?.code == .identity && error?.message.contains("could not be used") == true)
            }
        }
    }
}
