import Access
import Egress
import Sandboxes
import Testing
import Wire

@testable import E2B

private func wishes(_ json: String) throws -> NetworkWishes {
    try NetworkWishes(Request.decode(NetworkModel.self, Array(json.utf8)), otherwise: .closed)
}

private func status(_ body: () throws -> Void) -> Int? {
    do {
        try body()
        return nil
    } catch {
        return (error as? RESTError)?.status
    }
}

@Suite struct `wishes for a sandbox's network` {
    @Test func `say who may come in`() throws {
        let ingress = try wishes(
            #"{"allowPublicTraffic":false,"maskRequestHost":"${PORT}-x.local","httpsPorts":[3000,443]}"#
        ).ingress
        #expect(!ingress.allowsPublicTraffic)
        #expect(ingress.maskedHost == "${PORT}-x.local")
        #expect(ingress.tlsPorts == [443, 3000])
        #expect(try NetworkWishes(nil, otherwise: .closed).ingress == IngressPolicy())
        #expect(try wishes(#"{"maskRequestHost":""}"#).ingress.maskedHost == nil)
    }

    @Test(arguments: [
        "{}", #"{"allowOut":[],"denyOut":[],"dnsServers":[],"rules":{}}"#, #"{"denyOut":["0.0.0.0/0"]}"#,
        ##"{"rules":{"x.com":[{"transform":{"headers":{"X-A":"${secret:b}"}}}]}}"##,
        #"{"denyOut":["10.0.0.0/8","0.0.0.0/0"],"egressProxy":null}"#,
    ])
    func `that nothing goes out are fulfilled`(_ json: String) throws {
        let policy = CompiledPolicy(try wishes(json).egress)
        let address = try #require(IPAddress("1.1.1.1"))
        #expect(!policy.decide(address: address, port: 443).isAllowed)
    }

    @Test func `leave to the installation what they do not name`() throws {
        let model = NetworkModel(allowOut: ["1.1.1.1"])
        let other = try #require(IPAddress("8.8.8.8"))
        for (said, standard, isAllowed) in [
            (nil, EgressPolicy.closed, false), (nil, .open, true), (true, .closed, true), (false, .open, false),
        ] {
            let wishes = try NetworkWishes(model, allowsInternet: said, otherwise: standard)
            let policy = CompiledPolicy(wishes.egress)
            #expect(policy.decide(address: other, port: 443).isAllowed == isAllowed)
            #expect(policy.decide(address: try #require(IPAddress("1.1.1.1")), port: 443).isAllowed)
            #expect(wishes.egress.lists.allowOut == ["1.1.1.1"])
        }
    }

    @Test(arguments: [
        #"{"dnsServers":["::1"]}"#, #"{"egressProxy":{"address":"x:1"}}"#,
    ])
    func `that can not be fulfilled yet say so`(_ json: String) {
        #expect(status { _ = try wishes(json) } == 501)
    }

    @Test(arguments: [
        #"{"allowOut":["x.com"],"denyOut":["10.0.0.0/8"]}"#, #"{"denyOut":["x.com"]}"#, #"{"denyOut":["1.1.1.1/99"]}"#,
        #"{"allowOut":[""],"denyOut":["0.0.0.0/0"]}"#, #"{"dnsServers":["1.1.1.0/24"]}"#, #"{"httpsPorts":[65536]}"#,
        #"{"maskRequestHost":"a b"}"#, #"{"maskRequestHost":"a\nb"}"#,
    ])
    func `that make no sense are refused`(_ json: String) {
        #expect(status { _ = try wishes(json) } == 400)
    }
}

@Suite struct `a reference to a template` {
    @Test(arguments: [
        ("base", "base", nil), ("base:default", "base", "default"), ("local/base:v1", "base", "v1"),
        ("a.b-c_1", "a.b-c_1", nil),
    ])
    func `is a name, perhaps with an owner and a tag`(_ text: String, _ name: String, _ tag: String?) throws {
        let reference = try #require(TemplateReference(text))
        #expect(reference.name == name && reference.tag == tag)
        #expect(reference.text == (tag.map { "\(name):\($0)" } ?? name))
    }

    @Test(arguments: [
        "", ":", "/", "other/base", "a/b/c", "..", ".a", "base:", "base:A", "a:b:c", "Base", "a b", "local/",
    ])
    func `is nothing else`(_ text: String) {
        #expect(TemplateReference(text) == nil)
    }
}
