import Access
import Sandboxes
import Testing
import Wire

@testable import E2B

private func wishes(_ json: String) throws -> NetworkWishes {
    try NetworkWishes(Request.decode(NetworkModel.self, Array(json.utf8)))
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
        #expect(try NetworkWishes(nil).ingress == IngressPolicy())
        #expect(try wishes(#"{"maskRequestHost":""}"#).ingress.maskedHost == nil)
    }

    @Test(arguments: [
        "{}", #"{"allowOut":[],"denyOut":[],"dnsServers":[],"rules":{}}"#, #"{"denyOut":["0.0.0.0/0"]}"#,
        #"{"denyOut":["10.0.0.0/8","0.0.0.0/0"],"egressProxy":null}"#,
    ])
    func `that nothing goes out are fulfilled`(_ json: String) throws {
        _ = try wishes(json)
    }

    @Test(arguments: [
        #"{"allowOut":["1.1.1.1"]}"#, #"{"allowOut":["*"],"denyOut":["0.0.0.0/0"]}"#, #"{"denyOut":["1.1.1.1"]}"#,
        #"{"dnsServers":["::1"]}"#, #"{"egressProxy":{"address":"x:1"}}"#, #"{"rules":{"x":[]}}"#,
    ])
    func `that something goes out can not be fulfilled yet`(_ json: String) {
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
