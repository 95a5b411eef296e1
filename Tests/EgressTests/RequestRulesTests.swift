import Foundation
import HTTP
import Linux
import Testing

@testable import Egress

private let secrets = ["a": Secret("one"), "a.b": Secret("two"), "bad": Secret("x\r\nY: z")]

@Suite struct `what rules do to a request` {
    private func fields(of change: RequestChange) throws -> Headers { try change.headers(with: secrets) }

    private func change(
        _ lines: [String],
        _ headers: Headers,
        method: String = "GET",
        path: String = "/v1/x",
        query: String = ""
    ) throws -> RequestChange {
        let rules = try lines.map { ReadyRule(try HeaderRule(line: $0)) }
        let request = RuledRequest(method: method, path: path, query: query, headers: headers)
        return try RequestRules(rules, host: try domain("good.com")).change(request, isSecure: true)
    }

    @Test(
        arguments: [
            (["X-Account": "acme"], true), (["x-account": "acme-2"], true), (["X-Account": "other"], false),
            ([:], false),
            (["X-Account": "acme", "x-account": "acme"], false), (["X-Account": ""], false),
            (["X-Account": "Acme"], false),
        ] as [(Headers, Bool)]
    )
    func `is by what the sandbox's own fields are, each once`(headers: Headers, isMeant: Bool) throws {
        let change = try change(["good.com [X-Account: acme*] Authorization: ${secret:a}"], headers)
        let out = try fields(of: change)
        #expect(out["Authorization"] == (isMeant ? "one" : nil))
        #expect(out.values("X-Account") == headers.values("X-Account"))
        #expect(change.applied == (isMeant ? ["header good.com"] : []))
    }

    @Test(
        arguments: [
            ("martlet-secret-a", "one"), ("Bearer martlet-secret-a", "Bearer one"),
            ("token=martlet-secret-a;", "token=one;"),
            ("martlet-secret-a martlet-secret-a", "one one"), ("martlet-secret-b", nil), ("martlet-secret-", nil),
            ("xmartlet-secret-a", nil), ("martlet-secret-a.b", nil), ("Martlet-Secret-a", nil),
            ("martlet-secret-A", nil),
            ("martlet-secret-martlet-secret-a", nil), ("plain", nil), ("", nil),
            ("Basic !martlet-secret-a", "Basic !one"),
        ] as [(String, String?)]
    )
    func `puts a secret in its placeholder's place, which is a word by itself`(value: String, expected: String?) throws
    {
        let change = try change(["good.com X-Key: ${placeholder:a}"], ["X-Key": value])
        #expect(try fields(of: change).values("X-Key") == [expected ?? value])
        #expect(change.applied.count == (expected == nil ? 0 : 1) && change.secrets == (expected == nil ? [] : ["a"]))
    }

    @Test func `reaches into what is encoded as a user and a password`() throws {
        let text = "Basic " + Data("x:martlet-secret-a".utf8).base64EncodedString()
        let change = try change(["good.com Authorization: ${placeholder:a}"], ["Authorization": text])
        let out = try #require(try fields(of: change)["Authorization"])
        #expect(out == "Basic " + Data("x:one".utf8).base64EncodedString())
        let elsewhere = try self.change(["good.com X-Key: ${placeholder:a}"], ["Authorization": text])
        #expect(try fields(of: elsewhere)["Authorization"] == text)
        #expect(elsewhere.misplaced == [.init(secret: "a", field: "Authorization")])
    }

    @Test func `has several placeholders in one field, each with a rule of its own`() throws {
        let both = ["good.com Cookie: ${placeholder:a}", "good.com Cookie: ${placeholder:a.b}"]
        let cookie: Headers = ["Cookie": "k=martlet-secret-a; l=martlet-secret-a.b; m=martlet-secret-c"]
        let change = try change(both, cookie)
        #expect(try fields(of: change)["Cookie"] == "k=one; l=two; m=martlet-secret-c")
        #expect(change.misplaced == [.init(secret: "c", field: "Cookie")] && change.applied.count == 2)
    }

    @Test func `removes what is no placeholder from a field that another rule sets`() throws {
        let lines = ["good.com/v1/* X-Key: ${placeholder:a}", "good.com/v2/* X-Key: ${secret:a.b}"]
        #expect(try fields(of: change(lines, ["X-Key": "martlet-secret-a"]))["X-Key"] == "one")
        #expect(try fields(of: change(lines, ["X-Key": "mine"]))["X-Key"] == nil)
        let other = try change(lines, ["X-Key": "martlet-secret-a"], path: "/v2/x")
        #expect(try fields(of: other).values("X-Key") == ["two"])
        #expect(try fields(of: change(lines, ["X-Key": "martlet-secret-a"], path: "/v3"))["X-Key"] == nil)
    }

    @Test func `is refused for a secret that is not there, or that would end its field`() throws {
        for (name, line) in [
            ("bad", "X-Key: ${secret:bad}"), ("bad", "X-Key: ${placeholder:bad}"),
            ("none", "X-Key: ${placeholder:none}"),
        ] {
            let change = try change(["good.com \(line)"], ["X-Key": "martlet-secret-\(name)"])
            let error = #expect(throws: HTTPError.self) { try fields(of: change) }
            #expect(error?.status == 502 && error?.message.contains("Y: z") == false)
        }
    }

    @Test func `tells of few misplaced placeholders, however many there are`() throws {
        let many = Headers((0..<1000).map { Headers.Field(name: "X-\($0)", value: "martlet-secret-a") })
        #expect(try change(["good.com X-Key: ${placeholder:a}"], many).misplaced.count == 10)
    }
}

@Suite struct `an index of rules by path` {
    @Test func `finds what a walk through all of them finds, in their order`() throws {
        let places = ["", "/*", "/v1", "/v1/*", "/v1/a", "/v1/a*", "/v1/a/*", "/v2/*", "/v1", "", "/v1/a"]
        let rules = try places.enumerated().map { number, path in
            let path = path.isEmpty ? nil : path
            return ReadyRule(try HeaderRule(id: "\(number)", host: "good.com", path: path, headers: ["X-A": "b"]))
        }
        let index = PathIndex(rules)
        for path in ["/", "/v1", "/v1/", "/v1/a", "/v1/ab", "/v1/a/b", "/v2", "/v2/x", "/v", "/v10"] {
            let facts = ReadyRule.Facts(RuledRequest(method: "GET", path: path, headers: [:]))
            let found = index.candidates(for: facts.path).filter { rules[$0].applies(to: facts) }
            #expect(found == rules.indices.filter { rules[$0].applies(to: facts) }, "\(path)")
        }
    }

    @Test func `is made anew for a policy that changes`() throws {
        func sets(_ policy: EgressPolicy, _ host: String) throws -> [String] {
            let compiled = CompiledPolicy(policy)
            let name = try domain(host)
            let request = RuledRequest(method: "GET", path: "/", headers: [:])
            for _ in 0..<2 { _ = compiled.headerRules(for: name, 443) }
            return try compiled.headerRules(for: name, 443)?.change(request, isSecure: true).applied ?? []
        }
        var policy = EgressPolicy.open
        policy.headerRules = [try HeaderRule(id: "a", host: "*.good.com", headers: ["X-A": "b"])]
        for number in 0..<300 { #expect(try sets(policy, "n\(number).good.com") == ["a"]) }
        #expect(try sets(policy, "good.com") == [])
        policy.headerRules = [try HeaderRule(id: "b", host: "good.com", headers: ["X-A": "b"])]
        #expect(try sets(policy, "good.com") == ["b"] && sets(policy, "n1.good.com") == [])
    }
}
