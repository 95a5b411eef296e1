import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// Servers in real guests, asked from outside in every way there is.
@Suite(
    .serialized,
    .enabled(if: Installation.isPossible, Installation.absence),
    .sharedInstallation(templates: ["claude"], arguments: ["--pool", "1", "--tls", "--tls-port", "0"])
)
struct `a server in a sandbox` {
    /// Listens on the guest's loopback only; tells what it was asked, and echoes WebSocket messages.
    private static let program = Installation.packageRoot + "/Tests/python/e2b/guest_server.py"

    /// What clients have to know.
    private struct Ways {
        let port: UInt16
        let securePort: UInt16
        let domain: String
        let authority: String

        init(_ martlet: Installation) throws {
            let file = try JSONValue(parsing: Files.read(martlet.home.daemonFile))
            let url = try #require(file["url"]?.string)
            port = try #require(UInt16(url.split(separator: ":").last ?? ""))
            let domain = try #require(file["domain"]?.string).split(separator: ":")
            self.domain = String(domain[0])
            securePort = try #require(UInt16(domain.last ?? ""))
            authority = try #require(file["certificateFile"]?.string)
        }
    }

    private func withServer(
        _ body: @Sendable @escaping (Installation, SandboxInfo) async throws -> Void
    ) async throws {
        let martlet = try shared()
        try await martlet.withSandbox { sandbox in
            let source = try Files.read(Self.program)
            let placed = try await martlet.exec(sandbox, "sh", "-c", "cat > /tmp/server.py", input: source)
            try #require(placed.status == .exited(0), "\(placed.errorText)")
            let line = ["exec", sandbox.id, "--", "python3", "-u", "/tmp/server.py", "8080"]
            _ = try await martlet.martlet(live: line) { server in
                _ = try await retrying(every: .milliseconds(20), for: .seconds(120)) {
                    try await Self.curl(Ways(martlet), ["-H", "E2b-Sandbox-Id: \(sandbox.id)"], "8080", "/").status
                        == 200 ? () : nil
                }
                try await body(martlet, sandbox)
                server.child.send(SIGINT)
            }
        }
    }

    /// Asks by header and gives status and body.
    private static func curl(_ ways: Ways, _ options: [String], _ port: String, _ path: String) async throws
        -> (status: Int, text: String)
    {
        try await curl(options + ["-H", "E2b-Sandbox-Port: \(port)", "http://127.0.0.1:\(ways.port)\(path)"])
    }

    private static func curl(_ arguments: [String]) async throws -> (status: Int, text: String) {
        let line = ["-sS", "--noproxy", "*", "-w", "\n%{http_code}"] + arguments
        let output = try await Program("curl", line).run()
        let lines = output.text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let status = lines.last.flatMap({ Int($0) }), status > 0 else {
            throw Unexpected("curl: \(output.errorText)")
        }
        return (status, lines.dropLast().joined(separator: "\n"))
    }

    @Test func `answers by header, by host name, and by TLS`() async throws {
        try await withServer { martlet, sandbox in
            let ways = try Ways(martlet)
            let name = "8080-\(sandbox.id).\(ways.domain)"
            let secure = ["--resolve", "\(name):\(ways.securePort):127.0.0.1", "--cacert", ways.authority]
            let bodies = ["-X", "PATCH", "--data-binary", "@\(Self.program)", "-H", "X-Own: 1"]
            for (arguments, host) in [
                (
                    [
                        "-H", "E2b-Sandbox-Id: \(sandbox.id)", "-H", "E2b-Sandbox-Port: 8080",
                        "http://127.0.0.1:\(ways.port)/a%2Fb?c",
                    ], "127.0.0.1:\(ways.port)"
                ), (["-H", "Host: \(name)", "http://127.0.0.1:\(ways.port)/a%2Fb?c"], name),
                (secure + ["https://\(name):\(ways.securePort)/a%2Fb?c"], "\(name):\(ways.securePort)"),
            ] {
                let answer = try await Self.curl(bodies + arguments)
                let said = try JSONValue(parsing: answer.text)
                #expect(answer.status == 200 && said["method"] == "PATCH" && said["path"] == "/a%2Fb?c")
                #expect(said["host"]?.string == host && said["fields"]?["x-own"] == "1")
                #expect(said["bytes"] == .integer(Files.size(Self.program) ?? 0))
                #expect(said["fields"]?["e2b-sandbox-id"] == nil)
            }
        }
    }

    @Test(.enabled(if: Program.variable("MARTLET_TEST_PYTHON") != nil))
    func `speaks WebSocket with Python's clients, plain and by TLS`() async throws {
        try await withServer { martlet, sandbox in
            let ways = try Ways(martlet)
            let name = "8080-\(sandbox.id).\(ways.domain)"
            let script = """
                import socket, ssl, sys
                from websockets.sync.client import connect
                name, port, secure, authority = sys.argv[1:]
                for url, port, context in [
                    (f"ws://{name}/", port, None),
                    (f"wss://{name}/", secure, ssl.create_default_context(cafile=authority)),
                ]:
                    line = socket.create_connection(("127.0.0.1", int(port)))
                    with connect(url, sock=line, ssl=context, server_hostname=name if context else None, compression=None) as talk:
                        for size in [0, 5, 125, 126, 60_000]:
                            talk.send("x" * size)
                            assert talk.recv() == "x" * size, size
                print("done")
                """
            let python = try #require(Program.variable("MARTLET_TEST_PYTHON"))
            let arguments = ["-c", script, name, "\(ways.port)", "\(ways.securePort)", ways.authority]
            let output = try await Program(python, arguments).run()
            #expect(output.text == "done\n", "\(output.errorText)")
        }
    }

    @Test func `is told apart from one that is not there, and ends with its sandbox`() async throws {
        try await withServer { martlet, sandbox in
            let ways = try Ways(martlet)
            let id = ["-H", "E2b-Sandbox-Id: \(sandbox.id)"]
            let closed = try await Self.curl(ways, id, "8081", "/")
            #expect(closed.status == 502)
            #expect(
                closed.text
                    == #"{"code":502,"message":"The sandbox is running but port is not open","port":8081,"#
                    + #""sandboxId":"\#(sandbox.id)"}"#
            )
            // The guest's own way to the model is nobody else's.
            #expect(try await Self.curl(ways, id, "\(GuestProtocol.gatewayPort)", "/v1/models").status == 502)
            let health = "\(GuestProtocol.agentPort)"
            #expect(try await Self.curl(ways, id, health, "/health").status == 204)
            #expect(try await Self.curl(ways, id, health, "/envs").status == 401)
            #expect(try await Self.curl(ways, id + ["-X", "POST"], health, "/init").status == 404)

            let open = try await Channel.connect(to: .loopback(ways.port))
            try await open.write(
                Array(
                    """
                    GET /slowly HTTP/1.1\r\nHost: x\r\nE2b-Sandbox-Id: \(sandbox.id)\r\nE2b-Sandbox-Port: 8080\r\n\r\n
                    """.utf8
                )
            )
            var seen = ""
            while !seen.contains("data: first") {
                seen += String(decoding: try await open.read(), as: UTF8.self)
            }
            _ = try await martlet.client.call(KillSandbox.self, SandboxReference(id: sandbox.id))
            let rest = try await withDeadline(.seconds(120)) {
                var rest: [UInt8] = []
                while true {
                    let bytes = try await open.read()
                    if bytes.isEmpty { return rest }
                    rest += bytes
                }
            }
            #expect(!String(decoding: rest, as: UTF8.self).contains("second"))
            let gone = try await Self.curl(ways, id, health, "/health")
            #expect(gone.status == 502 && gone.text.contains("The sandbox was not found"))
        }
    }
}
