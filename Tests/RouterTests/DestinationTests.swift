import HTTP
import Testing

@testable import Router

private let id = "i0123456789abcdefghij"

@Suite struct `a destination` {
    private func destination(_ host: String, _ headers: Headers = [:], _ target: String = "/") -> Destination {
        var head = RequestHead(method: "GET", target: target, headers: headers)
        head.headers["Host"] = host
        return Destinations(domain: "e2b.localhost:3443").destination(of: head)
    }

    @Test(arguments: [
        "3000-\(id).e2b.localhost", "3000-\(id).e2b.localhost:3443", "3000-\(id).E2B.localhost.",
        "3000-\(id)-oldnode.e2b.localhost", "3000-\(id)-a-b.e2b.localhost", "3000-\(id).somewhere.example:443",
    ])
    func `is named by a host`(_ host: String) {
        #expect(destination(host) == .port(3000, ofSandbox: id))
        // What the headers say does not count then.
        #expect(destination(host, ["E2b-Sandbox-Id": "other", "E2b-Sandbox-Port": "x"]) == .port(3000, ofSandbox: id))
    }

    @Test func `may be any id below the domain`() {
        #expect(destination("1-abc.e2b.localhost") == .port(1, ofSandbox: "abc"))
    }

    @Test(arguments: [
        "0-\(id)", "65536-\(id)", "3000-", "-\(id)", "3000", "3000_\(id)", "x-\(id)", "3000-ABC_", "+1-\(id)", "",
        "3000-\u{e9}", "3000-\(String(repeating: "a", count: 65))", "000080-\(id)",
    ])
    func `is malformed where a host below the domain has another form`(_ label: String) {
        #expect(destination("\(label).e2b.localhost") == .malformed("Invalid host"))
    }

    @Test(arguments: [
        "e2b.localhost", "api.e2b.localhost", "localhost", "127.0.0.1:3000", "[::1]:3000", "martlet", "",
        "10-0-0-1.example.com", "8080-web.example.com", "3000-\(id)", "xe2b.localhost",
    ])
    func `is elsewhere for every other host without headers`(_ host: String) {
        #expect(destination(host) == .elsewhere)
    }

    @Test(arguments: [
        "localhost", "127.0.0.1:3000", "[::1]", "sandbox.e2b.localhost:3443", "e2b.localhost", "martlet",
        "10-0-0-1.example.com",
    ])
    func `is named by headers for these`(_ host: String) {
        let both: Headers = ["e2b-sandbox-id": id, "e2b-sandbox-port": "49983"]
        #expect(destination(host, both) == .port(49_983, ofSandbox: id))
        let old: Headers = ["E2b-Sandbox-Id": "\(id)-oldnode", "E2b-Sandbox-Port": "1"]
        #expect(destination(host, old) == .port(1, ofSandbox: id))
        #expect(destination(host, ["E2b-Sandbox-Port": "1"]) == .malformed("missing header E2b-Sandbox-Id"))
        #expect(destination(host, ["E2b-Sandbox-Id": id]) == .malformed("missing header E2b-Sandbox-Port"))
        for bad in ["", "-", "A", "a_b", "../x", "é"] {
            let headers: Headers = ["E2b-Sandbox-Id": bad, "E2b-Sandbox-Port": "1"]
            #expect(destination(host, headers) == .malformed("Invalid sandbox ID"), "\(bad)")
        }
        for bad in ["", "0", "65536", "-1", "1 ", "x", "0x10"] {
            let headers: Headers = ["E2b-Sandbox-Id": id, "E2b-Sandbox-Port": bad]
            #expect(destination(host, headers) == .malformed("Invalid sandbox port"), "\(bad)")
        }
        let twice: Headers = ["E2b-Sandbox-Id": id, "E2b-Sandbox-Id": "other", "E2b-Sandbox-Port": "1"]
        #expect(destination(host, twice) == .malformed("Invalid sandbox ID"))
    }

    @Test func `needs headers at the host that is for sandboxes alone`() {
        #expect(destination("sandbox.e2b.localhost") == .malformed("missing header E2b-Sandbox-Id"))
    }

    @Test func `is found by a signature where nothing else says it`() {
        let signed = "/files?path=a&signature=v1_x"
        for host in ["127.0.0.1", "sandbox.e2b.localhost", "martlet"] {
            #expect(destination(host, [:], signed) == .signedFile)
        }
        #expect(destination("127.0.0.1", [:], "/files?path=a") == .elsewhere)
        #expect(destination("127.0.0.1", [:], "/other?signature=v1_x") == .elsewhere)
        #expect(destination("api.e2b.localhost", [:], signed) == .elsewhere)
        #expect(destination("1-\(id).e2b.localhost", [:], signed) == .port(1, ofSandbox: id))
    }

    @Test func `is that of an absolute target, whatever the host field says`() {
        let target = "http://3000-\(id).e2b.localhost/x"
        #expect(destination("127.0.0.1", [:], target) == .port(3000, ofSandbox: id))
    }
}

@Suite struct `the boundary between messages` {
    @Test func `is found in whatever pieces a stream comes`() {
        let stream: [UInt8] =
            [0, 0, 0, 0, 2, 7, 7] + [0, 0, 0, 0, 0] + [0, 0, 0, 1, 0] + [UInt8](repeating: 1, count: 256)
        let boundaries: Set<Int> = [0, 7, 12, 273]
        for size in [1, 2, 3, 5, 7, 300] {
            var boundary = MessageBoundary()
            var passed = 0
            while passed < stream.count {
                #expect(boundary.isReached == boundaries.contains(passed), "\(passed) in pieces of \(size)")
                let piece = stream[passed...].prefix(size)
                boundary.pass(Array(piece))
                passed += piece.count
            }
            #expect(boundary.isReached)
        }
    }

    @Test func `is not behind the last message`() {
        var boundary = MessageBoundary()
        boundary.pass([2, 0, 0, 0, 2, 0x7B, 0x7D])
        #expect(!boundary.isReached)
    }
}
