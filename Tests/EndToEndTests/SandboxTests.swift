import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a sandbox` {
        /// Makes a sandbox, hands it to `body`, and ends it.
        private func with(_ body: @Sendable @escaping (Installation, String) async throws -> Void) async throws {
            let martlet = try shared()
            try await Installation.slots.withPermit {
                let made = try await martlet.martlet(["create"])
                let id = String(made.text.split(separator: "\n").first ?? "")
                try #require(made.status == .exited(0), "\(made.errorText)")
                try await body(martlet, id)
                let ended = try await martlet.martlet(["kill", id])
                #expect(ended.status == .exited(0), "\(ended.errorText)")
            }
        }

        @Test func `runs programs as if they ran here`() async throws {
            try await with { martlet, id in
                func exec(_ arguments: String..., input: String = "") async throws -> Program.Output {
                    try await martlet.martlet(["exec"] + arguments, input: Array(input.utf8))
                }
                let both = try await exec(id, "--", "sh", "-c", "cat; echo err >&2; exit 7", input: "in\n")
                #expect(both.status == .exited(7))
                #expect(both.text == "in\n")
                #expect(both.errorText == "err\n")
                #expect(try await exec(id, "--", "sh", "-c", "kill -TERM $$").status == .exited(143))
                #expect(try await exec(id, "no-such-program").status == .exited(125))
                #expect(try await exec(id, "id", "-un").text == "user\n")
                #expect(try await exec("-u", "root", id, "id", "-u").text == "0\n")
                #expect(
                    try await exec("-w", "/usr", "-e", "A=b c", id, "--", "sh", "-c", "pwd; echo $A").text
                        == "/usr\nb c\n"
                )
                #expect(try await exec(String(id.prefix(10)), "sudo", "id", "-u").text == "0\n")
                let large = String(repeating: "0123456789abcdef", count: 65_536)
                #expect(try await exec(id, "cat", input: large).text == large)
            }
        }

        @Test func `leaves no orphan of a program that is killed`() async throws {
            try await with { martlet, id in
                let programs = "setsid tail -f /dev/null & (tail -f /dev/null &) ; echo begun; tail -f /dev/null"
                let (output, _) = try await martlet.martlet(live: ["exec", id, "--", "sh", "-c", programs]) { program in
                    try await program.says("begun")
                    var client = martlet.client
                    client.headers[SandboxHeaders.id] = id
                    client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
                    let running = try await client.call(ListProcesses.self, Empty()).processes
                    let pid = try #require(running.first { $0.config.args?.contains(programs) == true }).pid
                    _ = try await client.call(
                        SignalProcess.self,
                        .init(process: ProcessSelector(pid: pid), signal: "SIGNAL_SIGKILL")
                    )
                }
                #expect(output.status == .exited(137), "\(output.errorText)")
                let left = try await martlet.martlet(["exec", id, "--", "pgrep", "-c", "tail"])
                #expect(left.text == "0\n")
            }
        }

        @Test func `reaches neither its host, nor another, nor the world`() async throws {
            let neighbour = try await shared().client.call(CreateSandbox.self, .init(template: "claude"))
            let agent = try shared().port(of: neighbour.processID)
            let listener = try Listener(.loopback(0))
            defer { listener.close() }
            guard case .tcp(_, let port) = listener.address else { return }
            let greeter = Task {
                while let connection = try? await listener.accept() {
                    try? await connection.write(Array("a host".utf8))
                    connection.close()
                }
            }
            defer { greeter.cancel() }
            let script = """
                import socket
                for host, port in [('10.0.2.2', \(port)), ('127.0.0.1', \(port)), ('10.0.2.2', \(agent)), ('127.0.0.1', \(agent)), ('10.0.2.15', \(agent)), ('10.0.2.2', 22), ('1.1.1.1', 53), ('169.254.169.254', 80)]:
                    try:
                        answer = socket.create_connection((host, port), 20).recv(64)
                        # The gateway takes up whatever a guest begins, and ends it or says that it may not.
                        if answer and b' 403 ' not in answer: print('REACHED', host, port, answer)
                    except OSError: pass
                try:
                    socket.getaddrinfo('deb.debian.org', 80); print('REACHED dns')
                except OSError: pass
                print('tried')
                """
            try await with { martlet, id in
                let output = try await martlet.martlet(
                    ["exec", "-u", "root", id, "python3", "-"],
                    input: Array(script.utf8)
                )
                #expect(output.text == "tried\n", "\(output.errorText)")
            }
            try await shared().martlet(["kill", neighbour.id])
        }

        @Test func `holds no secret, and its machine's words show none`() async throws {
            let martlet = try shared()
            let run = try await martlet.run(
                Say.steps(
                    Say.bash("env; sudo sh -c 'cat /proc/*/environ /proc/*/cmdline' | tr '\\0' '\\n'"),
                    Say.text("Done.")
                ),
                ["--keep", "Go"]
            )
            let report = try run.ended(.valid)
            let key = Installation.key
            let secrets = [key, String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)]
            let transcript = String(decoding: try Files.read(try #require(report.transcript)), as: UTF8.self)
            #expect(transcript.contains(GuestProtocol.placeholderKey))
            let id = try #require(report.sandboxID)
            let sandbox = try #require(try await martlet.sandboxes().first { $0.id == id })
            let line = Leftovers.commandLine(of: sandbox.processID)
            #expect(line.contains("microvm"))
            for secret in secrets {
                #expect(!transcript.contains(secret) && !run.output.contains(secret) && !run.errorText.contains(secret))
                #expect(!line.contains(secret))
                #expect(!martlet.daemonLog.contains(secret))
                let found = try await martlet.martlet(
                    [
                        "exec", "-u", "root", id, "--", "grep", "-rlsF", secret, "/etc", "/home", "/root", "/run",
                        "/tmp", "/var",
                    ]
                )
                #expect(found.text.isEmpty)
            }
            // The model was asked with the key all the same.
            #expect(martlet.model.requests.contains { $0.headers["x-api-key"] == key })
            #expect(!martlet.model.requests.contains { $0.headers["x-api-key"] == GuestProtocol.placeholderKey })
            try await martlet.martlet(["kill", id])
        }

        @Test func `is one of twenty that are made at once, each of its own kind`() async throws {
            let martlet = try shared()
            let answers = try await withThrowingTaskGroup(of: (String, [String]).self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "claude"))
                        let answer = try await martlet.martlet(
                            [
                                "exec", sandbox.id, "python3", "-c",
                                "import os, time, uuid; print(os.uname().nodename, os.urandom(8).hex(), uuid.uuid4(), open('/etc/machine-id').read().strip(), time.time())",
                            ]
                        )
                        return (sandbox.id, answer.text.split(whereSeparator: \.isWhitespace).map(String.init))
                    }
                }
                var all: [(String, [String])] = []
                for try await answer in group { all.append(answer) }
                return all
            }
            #expect(Set(answers.map(\.0)).count == 20)
            for (id, words) in answers {
                try #require(words.count == 5, "\(id) answered \(words)")
                #expect(words[0] == id)
            }
            for column in 1...3 { #expect(Set(answers.map { $0.1[column] }).count == 20, "column \(column)") }
            let now = Date().timeIntervalSince1970
            for (_, words) in answers { #expect(abs((Double(words[4]) ?? 0) - now) < 240) }
            let listed = Set(try await martlet.sandboxes().map(\.id))
            #expect(answers.allSatisfy { listed.contains($0.0) })
            #expect(try await martlet.martlet(["kill"] + answers.map(\.0)).status == .exited(0))
        }

        @Test func `knows the time of its host, to the second`() async throws {
            try await with { martlet, id in
                let before = Date().timeIntervalSince1970
                let text = try await martlet.martlet(["exec", id, "date", "+%s.%N"]).text
                let after = Date().timeIntervalSince1970
                let guest = Double(text.filter { !$0.isWhitespace }) ?? 0
                #expect(guest > before - 1 && guest < after + 1)
            }
        }

        @Test func `ends when its time is up`() async throws {
            let martlet = try shared()
            let made = try await martlet.martlet(["create", "--timeout", "1s"])
            let id = String(made.text.split(separator: "\n").first ?? "")
            try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                try await martlet.sandboxes().contains { $0.id == id } ? nil : ()
            }
        }

        // MARK: Doors

        private func ask(_ martlet: Installation, _ path: String, _ headers: Headers) async throws -> Int {
            let info = try await martlet.client.call(GetDaemon.self, Empty())
            let port = try #require(UInt16(info.url.split(separator: ":").last ?? ""))
            let http = HTTPClient { try await Channel.connect(to: .loopback(port)) }
            var head = RequestHead(method: "POST", target: path, headers: headers)
            head.headers["Host"] = "127.0.0.1:\(port)"
            head.headers["Content-Type"] = "application/json"
            return try await http.send(head, body: .bytes(Array("{}".utf8))).head.status
        }

        @Test func `is reached over the network with the key only`() async throws {
            let martlet = try shared()
            let path = "/martlet.v1.Sandboxes/List"
            let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
            #expect(try await ask(martlet, path, [:]) == 401)
            #expect(try await ask(martlet, path, ["X-API-Key": "e2b_0000000000000000000000000000000000000000"]) == 401)
            #expect(try await ask(martlet, path, ["X-API-Key": String(key.dropLast())]) == 401)
            #expect(try await ask(martlet, path, ["X-API-Key": key]) == 200)
        }

        @Test func `is not asked what only its host may ask`() async throws {
            try await with { martlet, id in
                let key = String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self)
                let place: Headers = [SandboxHeaders.id: id, SandboxHeaders.port: String(GuestProtocol.agentPort)]
                var headers = place
                headers["X-API-Key"] = key
                for path in [
                    "/init", "/init?x=1", "//init", "/%69nit", GuestProtocol.tunnelPath,
                    "\(GuestProtocol.tunnelPath)?x",
                    "/martlet/release",
                ] {
                    #expect(try await ask(martlet, path, headers) >= 400, "\(path)")
                }
                // It is still who it was.
                #expect(try await martlet.martlet(["exec", id, "hostname"]).text == "\(id)\n")
                #expect(try await ask(martlet, "/process.Process/List", headers) == 200)
                #expect(try await ask(martlet, "/process.Process/List", place) == 401)
            }
        }
    }
}
