import Glibc
import HTTP
import Linux
import Synchronization
import TLS
import Testing

@testable import Egress

private let good = "93.184.216.34"
private let other = "151.101.1.1"
private let key = "sk-live-4711"

@Suite struct `a rule for requests` {
    @Test(arguments: [
        ("GET", "/repos/a/b", true), ("GET", "/repos/", true), ("POST", "/repos/a", false), ("GET", "/users/a", false),
        ("GET", "/repos/../users", false), ("GET", "/repos/%2e%2e/users", false), ("GET", "/repos//users", false),
        ("GET", "/repos/a\\..\\users", false), ("GET", "/repos/./users", false), ("GET", "/repos/..", false),
        ("GET", "/repos/..;/users", false), ("GET", "/repos", false),
    ])
    func `is about its methods and paths, and no path that could be another`(
        method: String,
        path: String,
        isAbout: Bool
    )
        throws
    {
        let rule = try HeaderRule(id: "r", host: "good.com", methods: ["get"], path: "/repos/*", headers: [:])
        let asked = RuledRequest(method: method, path: path, headers: [:])
        #expect(ReadyRule(rule).applies(to: ReadyRule.Facts(asked)) == isAbout)
    }

    @Test(arguments: [
        ("1.2.3.4", "X-A", "b"), ("*", "X-A", "b"), ("good.com", "Host", "b"), ("good.com", "Content-Length", "b"),
        ("good.com", "X A", "b"), ("good.com", "", "b"), ("good.com", "X-A", "b\r\nX-B: c"), ("good.com", "X-A", "b\0"),
        ("good.com", "X-A", "${secret:}"), ("good.com", "X-A", "${secret:a"),
        ("good.com", "transfer-encoding", "chunked"), ("good.com", "X-A", "${placeholder:}"),
        ("good.com", "X-A", "Bearer ${placeholder:a}"), ("good.com", "X-A", "${placeholder:a}${secret:b}"),
    ])
    func `is refused when it could not be kept to`(host: String, field: String, value: String) {
        #expect(throws: EgressError.self) { try HeaderRule(id: "r", host: host, headers: [field: value]) }
    }

    @Test func `is written on a line`() throws {
        let rule = try HeaderRule(line: "get,HEAD *.good.com:8443/v1/* X-Key: a: ${secret:b} ${secret:c}")
        #expect(
            rule.methods == ["GET", "HEAD"] && rule.path == "/v1/*" && rule.target == EgressTarget("*.good.com:8443")
        )
        #expect(rule.headers == ["X-Key": "a: ${secret:b} ${secret:c}"] && rule.secrets == ["b", "c"])
        #expect(rule.description == "GET,HEAD *.good.com:8443/v1/* X-Key")
        let plain = try HeaderRule(line: "good.com X-Key: b")
        #expect(plain.methods == nil && plain.path == nil && plain.target == EgressTarget("good.com"))
        #expect(plain.conditions == nil)
        let narrow = try HeaderRule(
            line: "GET good.com/a [X-Account: a: b*] [X-Team] Authorization: ${placeholder:key}"
        )
        #expect(narrow.conditions == ["X-Account": "a: b*", "X-Team": "*"] && narrow.secrets == ["key"])
        #expect(narrow.headers == ["Authorization": "${placeholder:key}"])
        #expect(narrow.description == "GET good.com/a [X-Account] [X-Team] Authorization")
    }

    @Test(arguments: [
        "", "good.com", "X-Key: b", "good.com X-Key:b", "GET good.com/ a X-Key: b", "G3T good.com X-Key: b",
        "1.2.3.4 X-Key: b",
        "good.com Host: b", "good.com X-Key: a\nb", "good.com X-Key: ${secret:}", "[X-A] good.com X-Key: b",
        "good.com [X-A X-Key: b", "good.com [X-A] [X-A] X-Key: b", "good.com [Host: a] X-Key: b",
        "good.com [] X-Key: b",
        "GET [X-A] good.com X-Key: b", "good.com [X-A: a\0] X-Key: b", "good.com [X-A]",
    ])
    func `is refused when its line is no rule`(_ line: String) {
        #expect(throws: EgressError.self) { try HeaderRule(line: line) }
    }

    @Test func `is refused without showing what may be a secret`() {
        #expect(throws: EgressError.self) { try HeaderRule(line: "a b c X-Key: sk-live") }
        do { _ = try HeaderRule(line: "a b c X-Key: sk-live") } catch { #expect(!error.message.contains("sk-live")) }
    }

    @Test func `on the command line lets its host out, and stays when only that changes`() throws {
        let line = "good.com/v1/* X-Key: b"
        let policy = try EgressPolicy(allow: [], deny: [], headers: [line], otherwise: .closed)
        #expect(policy.rules.map(\.target) == [EgressTarget("good.com:443"), EgressTarget("good.com:80")])
        #expect(policy.fallback == .deny && policy.headerRules?.count == 1)
        #expect(policy.withoutHeaderRules == .closed)
        var other = try EgressPolicy(allow: ["other.com"], deny: [], otherwise: .closed)
        other.keepHeaderRules(of: policy)
        #expect(other.rules.map(\.target.description) == ["other.com", "good.com:443", "good.com:80"])
        #expect(other.headerRules == policy.headerRules)
    }

    @Test func `has secrets in its values by their names`() {
        #expect(
            HeaderValue("Bearer ${secret:a}.${secret:b}")?.parts == [
                .text("Bearer "), .secret("a"), .text("."), .secret("b"),
            ]
        )
        #expect(HeaderValue("$5 {a}")?.hasSecret == false)
    }
}

/// A server that says what it was asked, behind TLS or plain, and a sandbox in front of it whose policy has rules.
@Suite struct `requests with rules` {
    private struct Scene: Sendable {
        let outside: Outside
        /// Of the sandbox alone.
        let sandboxTrust: TLSTrust
        /// Of the world outside.
        let worldTrust: TLSTrust
        let authorityFile: String
        let certificate: String
        /// What came whole to the server, in the order of its coming.
        let arrived: Arrivals
    }

    private final class Arrivals: Sendable {
        private let requests = Mutex<[RequestHead]>([])
        func add(_ head: RequestHead) { requests.withLock { $0.append(head) } }
        var all: [RequestHead] { requests.withLock { $0 } }
    }

    private func withScene(
        secret: String = key,
        isTLS: Bool = true,
        rules: [HeaderRule]? = nil,
        _ body: @Sendable @escaping (Scene) async throws -> Void
    ) async throws {
        let directory = "/tmp/martlet-rules-\(Random.name(10))"
        try Files.makeDirectory(directory)
        defer { try? Files.remove(directory) }
        let world = CertificateAuthority(directory: "\(directory)/world")
        let identity = try world.identity(for: "good.com")
        let file = "\(directory)/authority.pem"
        let authority = try SandboxAuthority(file: file)
        try Files.write(authority.certificate, to: "\(directory)/sandbox.pem")
        let opening = RequestOpening(authority: authority, trust: try TLSTrust(file: world.certificateFile)) { name in
            if name == "key" { return Secret(secret) }
            throw EgressError(.invalid, "no such secret")
        }
        var policy = try EgressPolicy(allow: ["good.com", "*.good.com", "evil.com"], deny: [])
        policy.headerRules =
            try rules ?? [
                HeaderRule(id: "key", host: "good.com", headers: ["Authorization": "Bearer ${secret:key}"]),
                HeaderRule(id: "path", host: "good.com", path: "/repos/*", headers: ["X-Scope": "repos"]),
            ]
        let names = ["good.com": [good], "www.good.com": [good], "evil.com": [other]]
        let arrived = Arrivals()
        let serve: @Sendable (Channel) async throws -> Void = { channel in
            let stream: any ByteStream = isTLS ? try await TLSStream.accept(over: channel, as: identity) : channel
            await HTTPServer { exchange in
                let fields = exchange.request.headers.fields.map { "\($0.name): \($0.value)\n" }.joined()
                let body = try await exchange.body.collect(limit: 100_000)
                arrived.add(exchange.request)
                if let coding = exchange.request.headers["Content-Encoding"] {
                    return try await exchange.respond(200, ["Content-Encoding": coding], body: body)
                }
                let said = "\(exchange.request.method) \(exchange.request.target)\n\(fields)\n"
                try await exchange.respond(200, ["X-Saw": "\(body.count)"], body: Array(said.utf8))
            }.serve(stream)
        }
        let (sandboxTrust, worldTrust) = (
            try TLSTrust(file: "\(directory)/sandbox.pem"), try TLSTrust(file: world.certificateFile)
        )
        try await Outside.with(policy, names, opening: opening, serve: serve) { outside in
            try await body(
                Scene(
                    outside: outside,
                    sandboxTrust: sandboxTrust,
                    worldTrust: worldTrust,
                    authorityFile: file,
                    certificate: String(decoding: authority.certificate, as: UTF8.self),
                    arrived: arrived
                )
            )
        }
    }

    /// Asks as a guest's program does that connected to an address.
    private func ask(
        _ scene: Scene,
        _ requests: [RequestHead],
        at address: String = good,
        as name: String = "good.com",
        port: UInt16 = 443,
        trust: TLSTrust? = nil,
        body: [UInt8] = []
    ) async throws -> [(status: Int, text: String)] {
        let trust = trust ?? scene.sandboxTrust
        return try await scene.outside.connect(address, port) { guest in
            let once = Mutex(false)
            let client = HTTPClient {
                guard
                    once.withLock({ used in
                        defer { used = true }; return !used
                    })
                else { throw CancellationError() }
                return port == 443 ? try await TLSStream.connect(over: guest, to: name, trust: trust) : guest
            }
            defer { client.closeIdle() }
            var answers: [(status: Int, text: String)] = []
            for request in requests {
                let answer = try await client.send(request, body: body.isEmpty ? .none : .bytes(body))
                answers.append((answer.head.status, String(decoding: answer.body, as: UTF8.self)))
            }
            return answers
        }
    }

    private func head(_ target: String, _ more: Headers = [:], method: String = "GET", host: String = "good.com")
        -> RequestHead
    {
        var head = RequestHead(method: method, target: target, headers: ["Host": host])
        for field in more.fields { head.headers.add(field.name, field.value) }
        return head
    }

    @Test func `have what a rule says in place of what the sandbox wrote`() async throws {
        try await withScene { scene in
            var twice: Headers = ["authorization": "Bearer stolen", "X-Scope": "all", "X-Mine": "kept"]
            twice.add("AUTHORIZATION", "Basic other")
            twice.add("Connection", "keep-alive, Authorization")
            let answers = try await ask(scene, [head("/users", twice), head("/repos/a?b=c")])
            #expect(answers.map(\.status) == [200, 200])
            #expect(answers[0].text.contains("Authorization: Bearer \(key)\n"))
            for gone in ["stolen", "Basic", "X-Scope", "keep-alive"] {
                #expect(!answers[0].text.contains(gone), "\(gone)")
            }
            #expect(answers[0].text.contains("X-Mine: kept"))
            #expect(answers[1].text.hasPrefix("GET /repos/a?b=c\n") && answers[1].text.contains("X-Scope: repos\n"))
            let changes = scene.outside.events.all.compactMap { event -> String? in
                if case .changed(let rule, let method, let path) = event.kind {
                    "\(rule) \(method) \(path)"
                } else {
                    nil
                }
            }
            #expect(changes == ["key GET /users", "key GET /repos/a", "path GET /repos/a"])
            #expect(!"\(scene.outside.events.all)".contains(key))
            #expect(!scene.certificate.contains("PRIVATE KEY"))
            var facts = stat()
            #expect(stat(scene.authorityFile, &facts) == 0 && facts.st_mode & 0o077 == 0)
        }
    }

    @Test func `keep their bodies, whole and in pieces, and follow a policy that changes`() async throws {
        try await withScene { scene in
            let body = [UInt8](repeating: 0x61, count: 70_000)
            let sent = try await ask(scene, [head("/users", method: "POST")], body: body)
            #expect(sent.map(\.status) == [200])
            scene.outside.egress.policy.headerRules = nil
            // The connection is opened no more: the world's own certificate is seen.
            let answers = try await ask(scene, [head("/users", ["Authorization": "mine"])], trust: scene.worldTrust)
            #expect(answers.first?.text.contains("Authorization: mine") == true)
        }
    }

    @Test func `pass compressed bodies on as they are, both ways, and no rule reaches into them`() async throws {
        let packed = [31, 139, 8, 0] + Array("martlet-secret-key".utf8) + [UInt8](repeating: 0xFF, count: 50_000)
        let rules = ["X-Key: ${placeholder:key}", "Authorization: Bearer ${secret:key}"]
        try await withScene(rules: try rules.map { try HeaderRule(line: "good.com \($0)") }) { scene in
            try await scene.outside.connect(good, 443) { guest in
                let client = HTTPClient {
                    try await TLSStream.connect(over: guest, to: "good.com", trust: scene.sandboxTrust)
                }
                defer { client.closeIdle() }
                for length in [packed.count, nil] {
                    let fields: Headers = [
                        "Content-Encoding": "gzip", "Accept-Encoding": "br", "X-Key": "martlet-secret-key",
                        "Authorization": "mine",
                    ]
                    let answer = try await client.send(
                        head("/", fields, method: "POST"),
                        body: .stream(length: length) { try await $0.write(packed) }
                    )
                    #expect(answer.body == packed && answer.head.headers["Content-Encoding"] == "gzip")
                }
            }
            for asked in scene.arrived.all {
                #expect(asked.headers["X-Key"] == key && asked.headers["Authorization"] == "Bearer \(key)")
                #expect(asked.headers["Accept-Encoding"] == "br")
            }
            #expect(scene.arrived.all.count == 2)
        }
    }

    @Test func `are for the host that they name, and leave HTTP for nothing`() async throws {
        try await withScene { scene in
            for (request, status) in [
                (head("/", host: "evil.com"), 421), (head("http://evil.com/"), 421),
                (head("/", host: "good.com:444"), 421),
                (head("/", ["Upgrade": "websocket", "Connection": "Upgrade"]), 501),
            ] {
                let answers = try await ask(scene, [request])
                #expect(
                    answers.map(\.status) == [status] && answers.allSatisfy { !$0.text.contains(key) },
                    "\(request)"
                )
            }
        }
    }

    @Test func `are not opened for another host, and go to no other address`() async throws {
        try await withScene { scene in
            // Below it, but no rule is about that: its own certificate is seen, and no key is added.
            let answers = try await ask(
                scene,
                [head("/", host: "www.good.com")],
                as: "www.good.com",
                trust: scene.worldTrust
            )
            #expect(answers.first?.status == 200 && answers.first?.text.contains(key) == false)
            // The sandbox says the name, at an address that it does not lead to.
            await #expect(throws: (any Error).self) { try await ask(scene, [head("/")], at: other) }
            #expect(scene.outside.events.decisions.last == .denied(.platform(.nameMismatch)))
        }
        // Whoever does not have the sandbox's authority is shown to nobody.
        try await withScene { scene in
            await #expect(throws: (any Error).self) { try await ask(scene, [head("/")], trust: scene.worldTrust) }
        }
    }

    @Test func `carry no secret in the clear, and none that would end its field`() async throws {
        try await withScene(isTLS: false) { scene in
            let answers = try await ask(scene, [head("/")], port: 80)
            #expect(answers.map(\.status) == [403] && answers.allSatisfy { !$0.text.contains(key) })
        }
        try await withScene(isTLS: false, rules: [try HeaderRule(id: "r", host: "good.com", headers: ["X-A": "b"])]) {
            scene in
            let answers = try await ask(scene, [head("/", ["X-A": "c"])], port: 80)
            #expect(answers.first?.text.contains("X-A: b\n") == true && answers.first?.text.contains("X-A: c") == false)
        }
        try await withScene(secret: "a\r\nX-B: c") { scene in
            let answers = try await ask(scene, [head("/")])
            #expect(answers.map(\.status) == [502] && answers.allSatisfy { !$0.text.contains("X-B") })
        }
        let missing = [try HeaderRule(id: "r", host: "good.com", headers: ["X-A": "${secret:nobody}"])]
        try await withScene(rules: missing) { scene in
            let answers = try await ask(scene, [head("/")])
            #expect(answers.map(\.status) == [502])
        }
    }

    @Test func `have a placeholder's secret where a rule says so, and nowhere else`() async throws {
        let rule = try HeaderRule(line: "POST good.com/v1/* [X-Account: a] Authorization: ${placeholder:key}")
        let mine = "Bearer martlet-secret-key"
        try await withScene(rules: [rule]) { scene in
            let right = try await ask(
                scene,
                [head("/v1/a", ["Authorization": mine, "X-Account": "a"], method: "POST")]
            )
            #expect(right[0].text.contains("Authorization: Bearer \(key)\n"))
            let wrong = [
                head("/v1/a", ["Authorization": mine, "X-Account": "a"]),
                head("/v2/a", ["Authorization": mine, "X-Account": "a"], method: "POST"),
                head("/v1/../v2", ["Authorization": mine, "X-Account": "a"], method: "POST"),
                head("/v1/a", ["X-Other": mine, "X-Account": "a"], method: "POST"),
                head("/v1/a", ["Authorization": mine, "X-Account": "b"], method: "POST"),
                head("/v1/a", ["Authorization": mine, "X-Account": "a", "Connection": "X-Account"], method: "POST"),
                head("/v1/a?key=martlet-secret-key", ["X-Account": "a"], method: "POST"),
            ]
            let before = scene.outside.events.all.count
            for answer in try await ask(scene, wrong) {
                #expect(answer.status == 200 && !answer.text.contains(key), "\(answer.text)")
                #expect(answer.text.contains("martlet-secret-key"), "\(answer.text)")
            }
            let told = scene.outside.events.all.dropFirst(before).filter {
                if case .misplaced = $0.kind { true } else { false }
            }
            #expect(told.count == wrong.count && told.allSatisfy { !$0.decision.isAllowed })
            #expect(
                told.map(\.decision.by)[3] == .platform(.misplaced(secret: "key", field: "X-Other"))
                    && told.map(\.decision.by)[6] == .platform(.misplaced(secret: "key", field: nil))
            )
            // To another host it goes as it is, through a connection that is not opened.
            let asked = [
                head("/v1/a", ["Authorization": mine, "X-Account": "a"], method: "POST", host: "www.good.com")
            ]
            let other = try await ask(scene, asked, as: "www.good.com", trust: scene.worldTrust)
            #expect(other[0].text.contains("Authorization: \(mine)\n"))
            #expect(!"\(scene.outside.events.all)".contains(key))
        }
    }

    @Test func `give no placeholder's secret in the clear, nor one that ends its field`() async throws {
        let rule = try HeaderRule(line: "good.com Authorization: ${placeholder:key}")
        let request = head("/", ["Authorization": "martlet-secret-key"])
        try await withScene(isTLS: false, rules: [rule]) { scene in
            let answers = try await ask(scene, [request], port: 80)
            #expect(answers.map(\.status) == [403])
            #expect(scene.arrived.all.isEmpty)
        }
        try await withScene(secret: "a\r\nX-B: c", rules: [rule]) { scene in
            let answers = try await ask(scene, [request])
            #expect(answers.map(\.status) == [502])
            #expect(scene.arrived.all.isEmpty)
        }
    }

    /// Each is one request to some readers and two to others, or a field that ends before its end.
    @Test(arguments: [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n@",
        "Content-Length: 0\r\nContent-Length: 44\r\n\r\n@",
        "Content-Length: +0\r\n\r\n@", "Content-Length: 0, 44\r\n\r\n@", "Content-Length:\u{0B}0\r\n\r\n@",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n@", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n@",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n@",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n@", " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n@",
        "X-A: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n@", "X-A: b\n\n@", "X-A: b\rX-B: c\r\n\r\n",
        "X-A: b\0c\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n@", "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n@",
        "Transfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n@", "Transfer-Encoding: chunked\r\n\r\n0\n\n@",
        "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n@", "Host: evil.com\r\n\r\n",
    ])
    func `can not be smuggled over an opened connection`(_ rest: String) async throws {
        let hidden = "POST /hidden HTTP/1.1\r\nHost: good.com\r\n\r\n"
        let text = "POST /seen HTTP/1.1\r\nHost: good.com\r\n" + rest.replacing("@", with: hidden)
        try await withScene { scene in
            let said = try await scene.outside.connect(good, 443) { guest in
                let stream = try await TLSStream.connect(over: guest, to: "good.com", trust: scene.sandboxTrust)
                try await stream.write(text)
                return String(decoding: try await stream.readToEnd(), as: UTF8.self)
            }
            #expect(scene.arrived.all.isEmpty, "\(scene.arrived.all)")
            #expect(!said.contains(" 200 ") && !said.contains(key), "\(said)")
        }
    }

    @Test func `one behind the other have each what the rules say of it, and what is in a body stays there`()
        async throws
    {
        let hidden = "GET /repos/hidden HTTP/1.1\r\nHost: good.com\r\n\r\n"
        let text =
            "POST /a HTTP/1.1\r\nHost: good.com\r\nContent-Length: \(hidden.utf8.count)\r\n\r\n\(hidden)"
            + "GET /repos/b HTTP/1.1\r\nHost: good.com\r\nX-Scope: all\r\nConnection: close\r\n\r\n"
        try await withScene { scene in
            _ = try await scene.outside.connect(good, 443) { guest in
                let stream = try await TLSStream.connect(over: guest, to: "good.com", trust: scene.sandboxTrust)
                try await stream.write(text)
                return try await stream.readToEnd()
            }
            #expect(scene.arrived.all.map(\.target) == ["/a", "/repos/b"])
            #expect(scene.arrived.all.map { $0.headers["X-Scope"] } == [nil, "repos"])
        }
    }
}
