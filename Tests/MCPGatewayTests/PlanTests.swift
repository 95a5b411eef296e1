import Linux
import Testing
import Wire

@testable import MCPGateway

@Suite struct `a gateway's configuration` {
    private func plans(_ text: String) throws -> [ServerPlan] {
        try GatewayConfiguration(parsing: text, try Catalogue.standard(file: "/nowhere", place: "/opt/mcp")).plans
    }

    @Test func `names servers of the catalogue, with what they want to know`() throws {
        let plans = try plans(
            #"{"exa":{"apiKey":"k"},"time":{},"github/some-one/a.thing":{"runCmd":"node x","envs":{"A":"b"}}}"#
        )
        #expect(plans.map(\.prefix) == ["exa", "github_some-one_a_thing", "time"])
        #expect(
            plans[0].way
                == .program(
                    ["/opt/mcp/exa/node_modules/.bin/exa-mcp-server"],
                    environment: ["EXA_API_KEY": "k"],
                    directory: nil
                )
        )
        // What was not given is left out.
        #expect(plans[2].way == .program(["/opt/mcp/time/bin/mcp-server-time"], environment: [:], directory: nil))
        #expect(plans[1].installation?.steps.first?.contains("https://github.com/some-one/a.thing.git") == true)
    }

    @Test(arguments: [
        ("{", "not JSON"), ("[]", "a member for each server"), (#"{"nothing":{}}"#, "There is no server 'nothing'"),
        (#"{"exa":{}}"#, "needs 'apiKey'"), (#"{"exa":1}"#, "is no object"),
        (#"{"github/../x":{"runCmd":"a"}}"#, "github/owner/repository"), (#"{"github/a/b":{}}"#, "runCmd"),
        (#"{"a b":{"command":"x"},"a_b":{"command":"x"}}"#, "call one of them otherwise"),
    ])
    func `is refused with what is wrong`(text: String, words: String) {
        #expect { try plans(text) } throws: { "\($0)".contains(words) }
    }

    @Test func `leads to no address but plain ones`() {
        for url in [
            "https://a/", "http://a.example/", "ftp://1.2.3.4", "http://1.2.3/", "http://1.2.3.4:x/",
            "http://1.2.3.4/\r\nx",
        ] {
            #expect(PlainAddress(url) == nil, "\(url)")
        }
        let address = PlainAddress("http://localhost:8000/mcp?x=1")
        #expect(
            address?.socket == .loopback(8000) && address?.path == "/mcp?x=1" && address?.authority == "localhost:8000"
        )
    }
}

@Suite struct `a stream of events` {
    private static let text =
        "event: a\r\ndata: one\r\n\r\n: hello\ndata:two\ndata: three\n\nid: 1\n\ndata\n\ndata: cut"

    @Test(arguments: [1, 2, 3, 1000])
    func `is cut alike, in whatever pieces it comes`(size: Int) throws {
        var parser = EventStreamParser(limit: 100)
        var events: [String] = []
        var rest = Array(Self.text.utf8)[...]
        while !rest.isEmpty {
            events += try parser.add(Array(rest.prefix(size))).map { String(decoding: $0, as: UTF8.self) }
            rest = rest.dropFirst(size)
        }
        #expect(events == ["one", "two\nthree", ""])
    }

    @Test func `is not kept without bound`() {
        var parser = EventStreamParser(limit: 100)
        #expect(throws: EventStreamParser.TooLong.self) {
            for _ in 0..<60 { _ = try parser.add(Array("data: x\n".utf8)) }
            _ = try parser.add([UInt8](repeating: 0x61, count: 60))
        }
    }
}
