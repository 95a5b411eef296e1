import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a door` {
        private func post(
            _ path: String,
            _ headers: Headers,
            to port: UInt16
        ) async throws -> (status: Int, code: String?, message: String) {
            let http = HTTPClient(idleLimit: 0) { try await Channel.connect(to: .loopback(port)) }
            var head = RequestHead(method: "POST", target: path, headers: headers)
            head.headers["Host"] = "127.0.0.1:\(port)"
            head.headers["Content-Type"] = "application/json"
            let answer = try await http.send(head, body: .bytes(Array("{}".utf8)))
            let body = try? JSONValue(parsing: answer.body)
            return (answer.head.status, body?["code"]?.string, body?["message"]?.string ?? "")
        }

        @Test func `of the daemon says why it stays shut`() async throws {
            let martlet = try shared()
            let port = try martlet.port(of: martlet.daemonID)
            let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
            for headers: Headers in [[:], ["X-API-Key": ""], ["X-API-Key": "\(key)0"], ["X-API-Key": Installation.key]]
            {
                let refused = try await post("/martlet.v1.Sandboxes/List", headers, to: port)
                #expect(refused.status == 401)
                #expect(refused.code == "unauthenticated")
                #expect(refused.message.contains("martlet env"))
                #expect(!refused.message.contains(key))
            }
            let opened: Headers = ["X-API-Key": key]
            #expect(try await post("/martlet.v1.Sandboxes/List", opened, to: port).status == 200)
            let nothing = try await post("/martlet.v1.Sandboxes/Guess", opened, to: port)
            #expect(nothing.status == 404)
            #expect(nothing.message.contains("Guess"))
            let unknown = try await post(
                "/process.Process/List",
                ["X-API-Key": key, SandboxHeaders.id: "inobody", SandboxHeaders.port: "49983"],
                to: port
            )
            #expect(unknown.status == 502)
            #expect(unknown.message == "The sandbox was not found")
            // Whoever asks with nothing but a body that is no request is told so.
            let empty = try await post("/martlet.v1.Sandboxes/Get", opened, to: port)
            #expect(empty.code == "invalid_argument", "\(empty)")
        }

        @Test(arguments: [
            "nonsense\r\n\r\n", "GET / HTTP/1.1\r\nHost x\r\n\r\n", "GET /\u{1} HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nX-API-Key: a\r\n b\r\n\r\n",
        ])
        func `refuses what is not HTTP`(_ text: String) async throws {
            let martlet = try shared()
            let answer = try await raw(text, to: try martlet.port(of: martlet.daemonID))
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
            #expect(try await martlet.martlet(["ls"]).status == .exited(0))
        }

        @Test func `of the daemon is its owner's alone`() async throws {
            let martlet = try shared()
            for (path, mode) in [
                (martlet.home.path, 0o700), (martlet.home.socket, 0o600), (martlet.home.apiKey, 0o600),
                (martlet.home.database, 0o600),
            ] as [(String, mode_t)] {
                var facts = stat()
                #expect(stat(path, &facts) == 0)
                #expect(facts.st_mode & 0o777 == mode, "\(path)")
            }
        }

        @Test func `of a guest opens to the daemon alone`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let port = try martlet.port(of: sandbox.processID)
                for path in [
                    "/process.Process/List", "/files", GuestProtocol.unpackPath, GuestProtocol.releasePath, "/nothing",
                ] {
                    #expect(try await post(path, [:], to: port).status == 401, "\(path)")
                    let guessed = try await post(path, [GuestProtocol.tokenHeader: "guessed"], to: port)
                    #expect(guessed.status == 401, "\(path)")
                }
                for headers: Headers in [
                    [:], [GuestProtocol.bootstrapHeader: "guessed"], [GuestProtocol.tokenHeader: "guessed"],
                ] {
                    #expect(try await post("/init", headers, to: port).status == 401)
                }
                // The secret that every sandbox of the template began with is void once it was used.
                let line = Leftovers.commandLine(of: sandbox.processID)
                let hash = try #require(line.split(separator: " ").first { $0.hasPrefix("martlet.bootstrap=") })
                let known: Headers = [GuestProtocol.bootstrapHeader: String(hash.dropFirst(18))]
                #expect(try await post("/init", known, to: port).status == 401)
                for build in Files.list("\(martlet.home.templates)/builds") {
                    let file = "\(martlet.home.templates)/builds/\(build)/bootstrap"
                    let secret = String(decoding: try Files.read(file), as: UTF8.self)
                    #expect(try await post("/init", [GuestProtocol.bootstrapHeader: secret], to: port).status == 401)
                }
                #expect(try await martlet.exec(sandbox, "hostname").text == "\(sandbox.id)\n")
            }
        }

        @Test func `of a guest is not found from another guest`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let ports = try [martlet.port(of: sandbox.processID), martlet.port(of: martlet.daemonID)]
                let script = """
                    import socket
                    for host in ['10.0.2.2', '10.0.2.3', '172.17.0.1', '127.0.0.1']:
                        for port in \(ports):
                            try:
                                connection = socket.create_connection((host, port), 20)
                                connection.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
                                answer = connection.recv(64)
                                # The gateway takes up whatever a guest begins, and says that it may not.
                                if answer and b' 403 ' not in answer: print('REACHED', host, port, answer)
                            except OSError: pass
                    print('tried')
                    """
                let output = try await martlet.exec(sandbox, "python3", "-", input: Array(script.utf8))
                #expect(output.text == "tried\n", "\(output.errorText)")
            }
        }

        @Test func `shows no secret to who looks at processes`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
                #expect(Leftovers.commandLine(of: martlet.daemonID).contains("serve"))
                let words = try [
                    Leftovers.commandLine(of: martlet.daemonID), Leftovers.commandLine(of: sandbox.processID),
                    String(decoding: Files.read("/proc/\(sandbox.processID)/environ"), as: UTF8.self),
                    martlet.daemonLog,
                ]
                for text in words { #expect(!text.contains(key) && !text.contains(Installation.key)) }
            }
        }
    }
}
