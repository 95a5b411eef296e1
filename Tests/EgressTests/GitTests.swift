import FoundationEssentials
import HTTP
import Linux
import Synchronization
import TLS
import Testing

@testable import Egress

private let zero = String(repeating: "0", count: 40)
private let one = String(repeating: "1", count: 40)

private func packet(_ text: String) -> String {
    let digits = String(text.utf8.count + 4, radix: 16)
    return String(repeating: "0", count: 4 - digits.count) + digits + text
}

@Suite struct `a rule for git` {
    @Test func `is written on a line`() throws {
        let rule = try GitRule(
            line: "https://GitHub.com/me/repo.git push=agent/*,refs/tags/v1 secret=token user=oauth2"
        )
        #expect(rule.target == EgressTarget("github.com:443") && rule.path == "/me/repo")
        #expect(rule.pushes == ["refs/heads/agent/*", "refs/tags/v1"])
        #expect(rule.secret == "token" && rule.user == "oauth2")
        #expect(rule.description == "https://github.com/me/repo push=agent/*,refs/tags/v1 secret=token user=oauth2")
        let plain = try GitRule(line: "https://git.example:8443/group/sub/repo/")
        #expect(plain.target == EgressTarget("git.example:8443") && plain.path == "/group/sub/repo")
        #expect(plain.pushes.isEmpty && plain.secret == nil)
        #expect(plain.description == "https://git.example:8443/group/sub/repo")
    }

    @Test(arguments: [
        "", "http://git.example/me/repo", "git.example/me/repo", "https://git.example", "https://git.example/",
        "https://1.2.3.4/me/repo", "https://*.example/me/repo", "https://git.example/me//repo",
        "https://git.example/me/../repo", "https://git.example/me/re%70o", "https://u:p@git.example/me/repo",
        "https://git.example:1-2/me/repo", "https://git.example/me/repo push=", "https://git.example/me/repo push=*a",
        "https://git.example/me/repo push=a..b", "https://git.example/me/repo push=a,,b",
        "https://git.example/me/repo other=a", "https://git.example/me/repo secret",
        "https://git.example/me/repo user=a:b",
        "https://git.example/me/repo?a", "https://git.example/.git", "https://git.example/a.git.git",
    ])
    func `is refused when its line is no rule`(line: String) {
        #expect(throws: EgressError.self) { try GitRule(line: line) }
    }

    @Test(arguments: [
        ("refs/heads/agent/a", true), ("refs/heads/agent/a/b", true), ("refs/heads/agent/", false),
        ("refs/heads/agent", false), ("refs/heads/main", false), ("refs/heads/fix", true), ("refs/heads/fix2", false),
        ("refs/heads/Agent/a", false), ("refs/heads/caf\u{E9}", true), ("refs/heads/cafe\u{301}", false),
        ("refs/heads/", false),
    ])
    func `allows pushes to its branches`(ref: String, isAllowed: Bool) throws {
        let rule = try GitRule(line: "https://git.example/me/repo push=agent/*,fix,caf\u{E9}")
        #expect(rule.allows(pushTo: ref) == isAllowed)
    }

    @Test(arguments: [
        ("GET", "/me/repo.git/info/refs", "?service=git-upload-pack", "allowed"),
        ("GET", "/me/repo/info/refs", "?service=git-upload-pack", "allowed"),
        ("POST", "/me/repo.git/git-upload-pack", "", "allowed"),
        ("GET", "/me/repo.git/info/refs", "?service=git-receive-pack", "allowed"),
        ("POST", "/me/repo.git/git-receive-pack", "", "push"),
        ("POST", "/me/repo.git/git-receive-pack", "?a=b", "refused"),
        ("GET", "/me/repo.git/info/refs", "", "refused"), ("GET", "/me/repo.git/HEAD", "", "refused"),
        ("GET", "/me/repo.git/info/refs", "?service=git-upload-pack&service=git-receive-pack", "refused"),
        ("PUT", "/me/repo.git/git-receive-pack", "", "refused"), ("GET", "/me/repo", "", "refused"),
        ("POST", "/me/repo.git/info/lfs/objects/batch", "", "refused"),
        ("GET", "/me/other.git/info/refs", "?service=git-upload-pack", "other"),
        ("GET", "/me/repository/info/refs", "?service=git-upload-pack", "other"),
        ("GET", "/me/repo.github/info/refs", "?service=git-upload-pack", "other"),
        ("GET", "/me/%72epo/info/refs", "?service=git-upload-pack", "other"),
        ("GET", "/x/../me/repo/info/refs", "?service=git-upload-pack", "other"),
        ("GET", "/read/only/info/refs", "?service=git-upload-pack", "allowed"),
        ("GET", "/read/only/info/refs", "?service=git-receive-pack", "refused"),
        ("POST", "/read/only/git-receive-pack", "", "refused"),
    ])
    func `knows what requests mean`(method: String, path: String, query: String, expected: String) throws {
        let rules = GitRules([
            try GitRule(line: "https://git.example/me/repo push=agent/*"),
            try GitRule(line: "https://git.example/read/only"),
        ])
        let meaning =
            switch rules.meaning(of: method, path, query: query) {
            case .other: "other"
            case .allowed: "allowed"
            case .push: "push"
            case .refused: "refused"
            }
        #expect(meaning == expected)
    }

    @Test func `lets its host out for git alone, and stays when other things change`() throws {
        let policy = try EgressPolicy(allow: [], deny: [], git: ["https://git.example/me/repo"], otherwise: .closed)
        #expect(policy.rules.map(\.target) == [EgressTarget("git.example:443")] && policy.opensRequests)
        #expect(policy.withoutGitRules == .closed && !policy.withoutGitRules.opensRequests)
        var other = try EgressPolicy(allow: ["other.com"], deny: [], otherwise: .closed)
        other.keepGitRules(of: policy)
        #expect(other.rules.map(\.target.description) == ["other.com", "git.example:443"])
        let stored = try JSONDecoder().decode(EgressPolicy.self, from: try JSONEncoder().encode(policy))
        #expect(stored == policy)
    }
}

@Suite struct `a push` {
    private static let wishes =
        packet("shallow \(one)\n")
        + packet("\(zero) \(one) refs/heads/agent/a\0 report-status side-band-64k agent=git/2.39\n")
        + packet("\(one) \(zero) refs/tags/v1\n")

    @Test func `is read at any cut`() {
        let whole = Array((Self.wishes + "0000PACK….").utf8)
        let end = Self.wishes.utf8.count + 4
        for count in 0..<end { #expect(PushRequest.read(whole.prefix(count)) == .incomplete, "\(count)") }
        for count in end...whole.count {
            guard case .whole(let push) = PushRequest.read(whole.prefix(count)) else {
                Issue.record("\(count)")
                continue
            }
            #expect(push.refs == ["refs/heads/agent/a", "refs/tags/v1"])
            #expect(push.capabilities == ["report-status", "side-band-64k", "agent=git/2.39"])
        }
        // What git asks with before a large push.
        #expect(PushRequest.read(Array("0000".utf8)) == .whole(PushRequest()))
    }

    @Test(arguments: [
        packet("\(zero) \(one) main"), packet("\(zero) \(one) HEAD"), packet("\(zero) \(one)"),
        packet("\(zero)  \(one) refs/heads/a"), packet("\(zero) \(one) refs/heads/a b"),
        packet("\(zero) \(one) refs/heads/../a"), packet("\(zero) \(one) refs//heads/a"),
        packet("\(zero) \(one) refs/heads/a*"), packet("\(zero) \(one) refs/heads/a\nb"),
        packet("\(zero.dropLast()) \(one) refs/heads/a"), packet("\(zero) \(one.uppercased())g refs/heads/a"),
        packet("\(zero) \(one) refs/heads/a") + packet("\(zero) \(one) refs/heads/b\0caps"),
        packet("\(zero) \(one) refs/heads/a") + packet("\(zero) \(one) refs/heads/a"),
        packet("\(zero) \(one) refs/heads/a") + packet("shallow \(one)"), "0001", "0002", "0003", "0004", "fff1",
        "zzzz",
        "PACK", "+123", packet("\(zero) \(one) refs/heads/\(String(repeating: "a", count: 2000))"),
    ])
    func `that could be read in two ways is not read`(text: String) {
        #expect(PushRequest.read(Array((text + "0000").utf8)) == .malformed)
    }

    @Test func `that is signed, or has no end, is refused`() {
        #expect(PushRequest.read(Array(packet("push-cert\0 caps\n").utf8)) == .signed)
        let line = packet("\(zero) \(one) refs/heads/\(String(repeating: "a", count: 900))")
        var many = ""
        for number in 0..<1200 {
            many += packet("\(zero) \(one) refs/heads/\(number)/\(String(repeating: "a", count: 900))")
        }
        #expect(PushRequest.read(Array(many.utf8)) == .malformed)
        #expect(PushRequest.read(Array(line.utf8)) == .incomplete)
    }
}

// MARK: The real git

/// A real git, a sandbox's egress, and git's own server behind TLS that wants a credential.
private struct GitScene: Sendable {
    static let token = "token-\(Random.hex(12))"

    let root: String
    let port: UInt16
    let outside: Outside
    let seen: Seen

    final class Seen: Sendable {
        private let heads = Mutex<[RequestHead]>([])
        func add(_ head: RequestHead) { heads.withLock { $0.append(head) } }
        var all: [RequestHead] { heads.withLock { $0 } }
    }

    static func with(
        _ rule: String,
        allow: [String] = [],
        _ body: @Sendable @escaping (GitScene) async throws -> Void
    ) async throws {
        let root = "/tmp/martlet-git-\(Random.name(10))"
        try Files.makeDirectory("\(root)/served/me")
        try Files.makeDirectory("\(root)/home")
        defer { try? Files.remove(root) }
        for name in ["me/repo", "me/other"] {
            try await git(root, ["init", "-q", "--bare", "-b", "main", "\(root)/served/\(name).git"])
        }
        let world = CertificateAuthority(directory: "\(root)/world")
        let identity = try world.identity(for: "good.com")
        let authority = try SandboxAuthority(file: "\(root)/authority.pem")
        try Files.write(authority.certificate, to: "\(root)/sandbox.pem")
        let opening = RequestOpening(authority: authority, trust: try TLSTrust(file: world.certificateFile)) { name in
            if name == "token" { return Secret(token) }
            throw EgressError(.invalid, "no such secret")
        }
        let door = try Listener(.loopback(0))
        guard case .tcp(_, let port) = door.address else { return }
        let line = rule.replacing("PORT", with: "\(port)")
        let policy = try EgressPolicy(
            allow: allow.map { $0.replacing("PORT", with: "\(port)") },
            deny: [],
            git: [line],
            otherwise: .closed
        )
        let seen = Seen()
        let serve: @Sendable (Channel) async throws -> Void = { channel in
            let stream = try await TLSStream.accept(over: channel, as: identity)
            await HTTPServer { try await answer($0, root, seen) }.serve(stream)
        }
        try await Outside.with(policy, ["good.com": ["93.184.216.34"]], opening: opening, serve: serve) { outside in
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask {
                    await withDiscardingTaskGroup { connections in
                        while let guest = try? await door.accept(), let name = DomainName("good.com") {
                            connections.addTask { await outside.egress.carry(guest, to: .name(name), port: port) }
                        }
                        connections.cancelAll()
                    }
                }
                defer { door.close() }
                try await body(GitScene(root: root, port: port, outside: outside, seen: seen))
            }
        }
    }

    /// Git's own server, for whoever has the credential.
    private static func answer(_ exchange: Exchange, _ root: String, _ seen: Seen) async throws {
        let request = exchange.request
        seen.add(request)
        let credential = Data("x-access-token:\(token)".utf8).base64EncodedString()
        guard request.headers.values("Authorization") == ["Basic \(credential)"] else {
            return try await exchange.respond(401, ["WWW-Authenticate": "Basic realm=\"git\""])
        }
        let body = try await exchange.body.collect(limit: 64 << 20)
        var program = try Program("git", ["http-backend"], input: body)
        program.environment = [
            "PATH": "/usr/bin:/bin", "GIT_PROJECT_ROOT": "\(root)/served", "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": request.path, "QUERY_STRING": String(request.target.drop { $0 != "?" }.dropFirst()),
            "REQUEST_METHOD": request.method, "CONTENT_TYPE": request.headers["Content-Type"] ?? "",
            "CONTENT_LENGTH": "\(body.count)", "REMOTE_USER": "agent", "HOME": "\(root)/home",
            "HTTP_CONTENT_ENCODING": request.method == "POST" ? request.headers["Content-Encoding"] ?? "" : "",
            "GIT_PROTOCOL": request.headers["Git-Protocol"] ?? "",
        ]
        let output = try await program.run().output
        guard let end = output.firstRange(of: Array("\r\n\r\n".utf8)) else { throw HTTPError(500, "no answer") }
        var headers = Headers()
        var status = 200
        for line in String(decoding: output[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1).map { String($0).drop { $0 == " " } }
            if parts[0] == "Status" {
                status = Int(parts[1].prefix(3)) ?? 500
            } else {
                headers.add(String(parts[0]), String(parts[1]))
            }
        }
        try await exchange.respond(status, headers, body: Array(output[end.upperBound...]))
    }

    @discardableResult
    static func git(_ root: String, _ arguments: [String], directory: String? = nil) async throws -> Program.Output {
        var program = try Program("git", arguments, directory: directory ?? root)
        program.environment = [
            "PATH": "/usr/bin:/bin", "HOME": "\(root)/home", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@example.com",
        ]
        return try await withDeadline(.seconds(60)) { [program] in try await program.run() }
    }

    /// Git as it is in the sandbox.
    func git(_ arguments: String...) async throws -> Program.Output {
        let own = [
            "-c", "http.sslCAInfo=\(root)/sandbox.pem", "-c", "http.curloptResolve=good.com:\(port):127.0.0.1",
            "-c", "http.emptyAuth=false",
        ]
        let work = "\(root)/work"
        return try await Self.git(root, own + arguments, directory: Files.isDirectory(work) ? work : root)
    }

    func url(_ path: String) -> String { "https://good.com:\(port)\(path)" }
}

@Suite struct `git through the gateway` {
    private func commit(_ scene: GitScene, _ name: String, bytes: [UInt8]) async throws {
        try Files.write(bytes, to: "\(scene.root)/work/\(name)")
        _ = try await scene.git("add", "-A")
        _ = try await scene.git("commit", "-q", "-m", name)
    }

    private func branches(_ scene: GitScene, _ name: String = "me/repo") async throws -> String {
        try await GitScene.git(
            scene.root,
            ["--git-dir", "\(scene.root)/served/\(name).git", "branch", "--format=%(refname)"]
        )
        .text
    }

    @Test func `reads and pushes with a credential that it does not have, to the branches that are named`() async throws
    {
        try await GitScene.with("https://good.com:PORT/me/repo push=agent/*,fix secret=token") { scene in
            let cloned = try await scene.git("clone", "-q", scene.url("/me/repo.git"), "work")
            #expect(cloned.status.isSuccess, "\(cloned.errorText)")
            try await commit(scene, "first", bytes: Array("one\n".utf8))
            let pushed = try await scene.git("push", "-q", "origin", "HEAD:agent/a", "HEAD:fix")
            #expect(pushed.status.isSuccess, "\(pushed.errorText)")
            #expect(try await branches(scene) == "refs/heads/agent/a\nrefs/heads/fix\n")

            // Larger than what git sends in one piece, so that it asks before, and sends in chunks.
            let noise = (0..<400_000).flatMap { _ in withUnsafeBytes(of: UInt64.random(in: 0 ... .max)) { Array($0) } }
            try await commit(scene, "large", bytes: noise)
            let large = try await scene.git("push", "-q", "origin", "HEAD:agent/large")
            #expect(large.status.isSuccess, "\(large.errorText)")
            let again = try await scene.git("clone", "-q", "-b", "agent/large", scene.url("/me/repo"), "copy")
            #expect(again.status.isSuccess, "\(again.errorText)")
            // What it would push could not be read.
            let field = "http.extraHeader=Content-Encoding: gzip"
            let packed = try await scene.git("-c", field, "push", "-q", "origin", "HEAD:agent/packed")
            #expect(!packed.status.isSuccess && packed.errorText.contains("403"), "\(packed.errorText)")
            let removed = try await scene.git("push", "-q", "origin", ":agent/large")
            #expect(removed.status.isSuccess, "\(removed.errorText)")
            #expect(try await branches(scene) == "refs/heads/agent/a\nrefs/heads/fix\n")
        }
    }

    @Test func `is told by git's own words what it may not push, and none of that push goes out`() async throws {
        try await GitScene.with("https://good.com:PORT/me/repo push=agent/* secret=token") { scene in
            _ = try await scene.git("clone", "-q", scene.url("/me/repo.git"), "work")
            try await commit(scene, "first", bytes: Array("one\n".utf8))
            let main = try await scene.git("push", "origin", "HEAD:main")
            #expect(!main.status.isSuccess)
            let words = "[remote rejected] HEAD -> main (this sandbox may push to refs/heads/agent/* alone)"
            #expect(main.errorText.contains(words), "\(main.errorText)")
            let both = try await scene.git("push", "origin", "HEAD:agent/a", "HEAD:refs/tags/v1")
            #expect(both.errorText.contains("agent/a (not pushed, because others"), "\(both.errorText)")
            #expect(try await branches(scene) == "")
            #expect(!scene.seen.all.contains { $0.method == "POST" && $0.path.hasSuffix("receive-pack") })
            let ground = EgressDecision.Ground.git(rule: "git good.com:\(scene.port)/me/repo", "refs/heads/main")
            #expect(scene.outside.events.decisions.contains(.denied(.platform(ground))))

            let noise = (0..<400_000).flatMap { _ in withUnsafeBytes(of: UInt64.random(in: 0 ... .max)) { Array($0) } }
            try await commit(scene, "large", bytes: noise)
            let large = try await scene.git("push", "origin", "HEAD:main")
            #expect(large.errorText.contains(words), "\(large.errorText)")
            #expect(try await branches(scene) == "")
        }
    }

    @Test func `reaches no other repository and nothing else of the host, and brings no credential of its own`()
        async throws
    {
        try await GitScene.with("https://good.com:PORT/me/repo secret=token") { scene in
            let other = try await scene.git("ls-remote", scene.url("/me/other.git"))
            #expect(!other.status.isSuccess && other.errorText.contains("403"), "\(other.errorText)")
            #expect(other.errorText.contains("remote: This sandbox may use git with 'good.com'"), "\(other.errorText)")
            let mine = scene.url("/me/repo.git").replacing("://", with: "://me:mine@")
            let listed = try await scene.git("ls-remote", mine)
            #expect(listed.status.isSuccess, "\(listed.errorText)")
            _ = try await scene.git("clone", "-q", scene.url("/me/repo.git"), "work")
            try await commit(scene, "first", bytes: Array("one\n".utf8))
            let pushed = try await scene.git("push", "origin", "HEAD:main")
            #expect(
                pushed.errorText.contains("remote: This sandbox may read /me/repo and push nothing"),
                "\(pushed.errorText)"
            )
            #expect(
                scene.seen.all.allSatisfy { $0.path.hasPrefix("/me/repo.git/") && $0.headers["Authorization"] != nil }
            )
        }
    }

    @Test func `goes to other repositories where their host is let out, and without the credential`() async throws {
        try await GitScene.with("https://good.com:PORT/me/repo secret=token", allow: ["good.com:PORT"]) { scene in
            let other = try await scene.git("ls-remote", scene.url("/me/other.git"))
            // The server asks for a credential, which nobody has.
            #expect(!other.status.isSuccess && scene.seen.all.map(\.path) == ["/me/other.git/info/refs"])
            #expect(scene.seen.all.allSatisfy { $0.headers["Authorization"] == nil })
        }
    }
}
