import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// A real guest whose requests are given a secret that it never has.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence))
struct `a sandbox whose requests have rules` {
    private static let secret = "sk-live-\(Random.hex(24))"

    private func withInstallation(
        _ body: @Sendable @escaping (Installation, PlayedInternet) async throws -> Void
    ) async throws {
        try await PlayedInternet.with { internet in
            let variables = ["MARTLET_PLAYED_INTERNET": internet.file, "SSL_CERT_FILE": internet.authority]
            try await Installation.with(variables: variables) { try await body($0, internet) }
        }
    }

    private func withSandbox(
        _ body: @Sendable @escaping (Installation, PlayedInternet, SandboxInfo) async throws -> Void
    ) async throws {
        try await withInstallation { martlet, internet in
            try await martlet.withSandbox { try await body(martlet, internet, $0) }
        }
    }

    /// What it asks with, and with what of its own.
    private func curl(_ martlet: Installation, _ sandbox: SandboxInfo, _ place: String) async throws -> Program.Output {
        try await martlet.exec(
            sandbox,
            "curl",
            "-sS",
            "--max-time",
            "60",
            "-H",
            "Authorization: Bearer mine",
            "https://good.example\(place)"
        )
    }

    /// Asks the model, whose key the sandbox does not have either.
    private func askModel(_ martlet: Installation, _ sandbox: SandboxInfo) async throws {
        let script = try martlet.model.add(Say.steps(Say.text("done")))
        let body = #"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"Go"}]}"#
        let place = "http://127.0.0.1:\(GuestProtocol.gatewayPort)/v1/messages"
        let asked = try await martlet.exec(
            sandbox,
            "curl",
            "-sS",
            "-H",
            "\(Model.header): \(script)",
            "-H",
            "x-api-key: x",
            "-d",
            body,
            place
        )
        #expect(asked.text.contains("done"), "\(asked.text) \(asked.errorText)")
        #expect(martlet.model.requests.last?.headers["x-api-key"] == Installation.key)
    }

    @Test func `has its requests opened, and no secret in its memory, its snapshot or its disk`() async throws {
        try await withSandbox { martlet, internet, sandbox in
            let stored = try await martlet.martlet(["secret", "set", "live"], input: Array("\(Self.secret)\n".utf8))
            #expect(stored.status == .exited(0), "\(stored.errorText)")
            let plane = try martlet.controlPlane()
            let rules = """
                {"good.example":[
                  {"transform":{"headers":{"Authorization":"Bearer ${secret:live}"}},"path":"/v1/*"},
                  {"transform":{"headers":{"X-Key":"${placeholder:live}"}},"path":"/place/*","headers":{"X-Team":"a*"}}]}
                """
            let network = #"{"denyOut":["0.0.0.0/0"],"allowOut":["good.example"],"rules":\#(rules)}"#
            // Rules are set also while it rests.
            _ = try await martlet.client.call(PauseSandbox.self, .init(id: sandbox.id))
            #expect(try await plane.ask("PUT", "/sandboxes/\(sandbox.id)/network", network).status == 204)
            let awake = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id))

            for place in ["/v1/things", "/other"] {
                let answer = try await curl(martlet, sandbox, place)
                #expect(answer.text == "reached\n", "\(answer.errorText)")
            }
            let fields = internet.requests.all.map { [$0.path] + $0.headers.values("Authorization") }
            #expect(fields == [["/v1/things", "Bearer \(Self.secret)"], ["/other"]])
            for (team, place) in [("a1", "/place/x"), ("b", "/place/x"), ("a1", "/other")] {
                let place = "https://good.example\(place)"
                let words = ["-H", "X-Team: \(team)", "-H", "X-Key: martlet-secret-live"]
                let asked = try await martlet.exec(
                    sandbox,
                    "curl",
                    "-sS",
                    words[0],
                    words[1],
                    words[2],
                    words[3],
                    place
                )
                #expect(asked.text == "reached\n", "\(asked.errorText)")
            }
            let keys = internet.requests.all.suffix(3).map { $0.headers["X-Key"] }
            #expect(keys == [Self.secret, "martlet-secret-live", "martlet-secret-live"])
            let log = try await martlet.client.call(ReadSandboxNetwork.self, .init(id: sandbox.id))
            #expect(log.events.count { $0.kind == .changed && $0.reason == "rule 'rules good.example'" } == 2)
            #expect(log.events.count { $0.kind == .misplaced && $0.reason.contains("'live'") && !$0.isAllowed } == 2)
            try await askModel(martlet, sandbox)

            try await lookForSecrets(martlet, sandbox, process: awake.sandbox.processID)
            _ = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id))
            #expect(try await curl(martlet, sandbox, "/v1/again").text == "reached\n")
            try await checkFork(martlet, internet, sandbox)

            // What a crash left goes, and what a sandbox needs stays.
            try Files.write(Array("key".utf8), to: "\(martlet.home.path)/authorities/igone.pem")
            try await martlet.endDaemon(SIGKILL)
            try await martlet.start()
            #expect(Files.list("\(martlet.home.path)/authorities") == ["\(sandbox.id).pem"])
            #expect(try await curl(martlet, sandbox, "/v1/later").text == "reached\n")
        }
    }

    /// What is in the guest is found in its memory, in its pages when they are saved, packed or not, and on its disk; what this
    /// host keeps for it is not. It rests afterwards.
    private func lookForSecrets(_ martlet: Installation, _ sandbox: SandboxInfo, process: Int32) async throws {
        let (held, written) = ("marker-\(Random.hex(24))", "written-\(Random.hex(24))")
        let program = "cat > /dev/shm/marker; printf %s '\(written)' > /root/written; sync"
        _ = try await martlet.exec(sandbox, "sh", "-c", program, input: Array(held.utf8))
        #expect(try Memory.holds(held, process))
        for secret in [Self.secret, Installation.key] { #expect(try !Memory.holds(secret, process)) }
        _ = try await martlet.client.call(PauseSandbox.self, .init(id: sandbox.id))
        let texts = [held, written, Self.secret, Installation.key]
        #expect(try SavedFiles.found(texts, of: sandbox.id, in: martlet.home) == [held, written])
        try await SavedFiles.compress(of: sandbox.id, in: martlet.home)
        #expect(try SavedFiles.found(texts, of: sandbox.id, in: martlet.home) == [held, written])
    }

    /// A fork has the same rules and an authority of its own, which goes with it; a program that had read whom to trust before
    /// goes on.
    private func checkFork(_ martlet: Installation, _ internet: PlayedInternet, _ parent: SandboxInfo) async throws {
        let waiting = """
            import os, ssl, time, urllib.request
            trust = ssl.create_default_context(cafile='/etc/ssl/certs/ca-certificates.crt')
            open('/tmp/ready', 'w').close()
            while not os.path.exists('/tmp/go'): time.sleep(0.05)
            text = urllib.request.urlopen('https://good.example/v1/old', context=trust).read().decode()
            open('/tmp/said.new', 'w').write(text)
            os.rename('/tmp/said.new', '/tmp/said')
            """
        let script = "python3 -c \"$1\" > /tmp/error 2>&1 & while ! [ -e /tmp/ready ]; do sleep 0.05; done"
        _ = try await martlet.exec(parent, "sh", "-c", script, "sh", waiting)
        let forked = try await martlet.client.call(ForkSandbox.self, .init(id: parent.id))
        let child = try #require(forked.sandboxes.first, "\(forked.failures)")
        let asked = try await curl(martlet, child, "/v1/child")
        #expect(asked.text == "reached\n", "\(asked.errorText)")
        #expect(internet.requests.all.last?.headers["Authorization"] == "Bearer \(Self.secret)")
        let go =
            "touch /tmp/go; for i in $(seq 600); do [ -e /tmp/said ] && break; sleep 0.1; done; cat /tmp/said /tmp/error"
        let said = try await martlet.exec(child, "sh", "-c", go)
        #expect(said.text == "reached\n", "\(said.errorText)")

        let own = "cat /usr/local/share/ca-certificates/martlet.crt; grep -c BEGIN /etc/ssl/certs/ca-certificates.crt"
        let trusted = try await martlet.exec(parent, "sh", "-c", own).text
        let childs = try await martlet.exec(child, "sh", "-c", own).text
        #expect(trusted != childs && trusted.split(separator: "\n").last == childs.split(separator: "\n").last)
        let authorities = "\(martlet.home.path)/authorities"
        #expect(Set(Files.list(authorities)) == ["\(parent.id).pem", "\(child.id).pem"])
        try await martlet.martlet(["kill", child.id])
        #expect(Files.list(authorities) == ["\(parent.id).pem"])
    }

    @Test func `is given them by the command line`() async throws {
        try await withInstallation { martlet, internet in
            let rule = "GET good.example/v1/* Authorization: Bearer ${secret:other}"
            let early = try await martlet.martlet(["create", "--header", rule])
            #expect(early.status == .exited(1))
            #expect(early.errorText.contains("There is no secret 'other'; store it with 'martlet secret set other'"))
            let stored = try await martlet.martlet(["secret", "set", "other"], input: Array("\(Self.secret)\n".utf8))
            #expect(stored.status == .exited(0), "\(stored.errorText)")
            try await Installation.slots.withPermit {
                let made = try await martlet.martlet(["create", "--header", rule])
                let id = made.text.filter { !$0.isWhitespace }
                let sandbox = try #require(try await martlet.sandboxes().first { $0.id == id }, "\(made.errorText)")
                for place in ["/v1/things", "/other"] {
                    #expect(try await curl(martlet, sandbox, place).text == "reached\n")
                }
                // Nothing gets past a rule in another version of the protocol.
                let http2 = """
                    import socket, ssl
                    trust = ssl.create_default_context(cafile='/etc/ssl/certs/ca-certificates.crt')
                    trust.set_alpn_protocols(['h2'])
                    for port in (443, 80):
                        try:
                            stream = socket.create_connection(('good.example', port), 60)
                            if port == 443: stream = trust.wrap_socket(stream, server_hostname='good.example')
                            stream.send(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                            print(port, stream.recv(99))
                        except OSError as error: print(port, 'refused')
                    """
                let spoken = try await martlet.exec(sandbox, "python3", "-c", http2)
                #expect(spoken.text.contains("443 refused\n") && !spoken.text.contains("80 b'\\x00"), "\(spoken)")
                // Others are put in its place.
                let replaced = try await martlet.martlet(["sbx", "net", id, "--header", "good.example X-Key: plain"])
                #expect(replaced.text.contains("good.example X-Key") && !replaced.text.contains("plain"), "\(replaced)")
                #expect(try await curl(martlet, sandbox, "/v1/things").text == "reached\n")
                let asked = internet.requests.all
                #expect(asked.map(\.path) == ["/v1/things", "/other", "/v1/things"])
                let keys = asked.map { $0.headers["Authorization"] }
                #expect(keys == ["Bearer \(Self.secret)", nil, "Bearer mine"])
                #expect(asked.map { $0.headers["X-Key"] } == [nil, nil, "plain"])
                _ = try await martlet.martlet(["sbx", "net", id, "--reset"])
                #expect(try await !curl(martlet, sandbox, "/v1/things").status.isSuccess)

                // Git in it has a credential for its repository, and the host is nothing else to it.
                let rule = "https://good.example/me/repo push=agent/* secret=other"
                let changed = try await martlet.martlet(["sbx", "net", id, "--git", rule])
                #expect(changed.text.contains(rule), "\(changed)")
                _ = try await martlet.exec(sandbox, "git", "ls-remote", "https://good.example/me/repo.git")
                let last = internet.requests.all.last
                #expect(last?.path == "/me/repo.git/info/refs")
                let pair = Data("x-access-token:\(Self.secret)".utf8).base64EncodedString()
                #expect(last?.headers.values("Authorization") == ["Basic \(pair)"])
                let other = try await curl(martlet, sandbox, "/v1/things")
                #expect(other.text.contains("may use git with 'good.example'"), "\(other)")
                try await martlet.martlet(["kill", id])
            }
        }
    }

    @Test func `is let out by the rules of a firewall, live, and as their evaluation says`() async throws {
        try await withInstallation { martlet, _ in
            let api = try await martlet.freestyle()
            let web: JSONValue = ["source": [:], "destination": ["cidr": "93.184.216.34", "port": 80]]
            try await api.withVM(["firewall": ["rules": [web]]]) { id in
                func check(_ port: Int64, _ isOpen: Bool) async throws {
                    let question: JSONValue = [
                        "source": ["vmId": .string(id)],
                        "destination": ["cidr": "93.184.216.34", "port": .integer(port)],
                    ]
                    let said = try await api.ask("POST", "/v5/firewall/evaluate", question).json["type"]
                    #expect(said == (isOpen ? "allowedByRule" : "denied"), "\(port)")
                    let script =
                        "import socket; s = socket.create_connection(('93.184.216.34', \(port)), 60); "
                        + "s.send(b'GET / HTTP/1.1\\r\\nHost: good.example\\r\\n\\r\\n'); print(s.recv(99))"
                    let result = try await api.run(id, "python3 -c \"\(script)\" 2>&1")
                    let text = result["stdout"]?.string ?? ""
                    #expect((text.contains("200 OK") || text.contains("220 welcome")) == isOpen, "\(port): \(text)")
                }
                try await check(80, true)
                try await check(22, false)
                let shell: JSONValue = ["source": ["vmId": .string(id)], "destination": ["cidr": "93.184.216.0/24"]]
                let added = try await api.ask("POST", "/v5/firewall/rules", shell)
                try await check(22, true)
                let rule = try #require(added.json["id"]?.string)
                #expect(try await api.ask("DELETE", "/v5/firewall/rules/\(rule)").status == 204)
                try await check(22, false)
            }
        }
    }
}
