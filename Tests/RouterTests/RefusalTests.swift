import HTTP
import Linux
import Testing
import Wire

@testable import Router

private let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

@Suite struct `what does not get through` {
    @Test func `is told why in JSON, and to browsers by a page`() async throws {
        try await Place.with { place in
            let id = place.guest.id
            let closed = try closedPort()
            let unknown = #"{"code":502,"message":"The sandbox was not found","sandboxId":"i1"}"#
            let start = id.prefix(12)
            let cases: [(Headers, Int, String)] = [
                (["E2b-Sandbox-Id": "i1", "E2b-Sandbox-Port": "1"], 502, unknown),
                (["E2b-Sandbox-Id": "i1", "E2b-Sandbox-Port": "49983"], 502, unknown),
                // The beginning of an id is no id.
                (
                    ["E2b-Sandbox-Id": String(start), "E2b-Sandbox-Port": "1"], 502,
                    unknown.replacing("i1", with: start)
                ),
                (
                    place.guest.headers(closed), 502,
                    #"{"code":502,"message":"The sandbox is running but port is not open","port":\#(closed),"#
                        + #""sandboxId":"\#(id)"}"#
                ),
                (["Host": "x.e2b.localhost"], 400, #"{"code":400,"message":"Invalid host"}"#),
                (["E2b-Sandbox-Id": id], 400, #"{"code":400,"message":"missing header E2b-Sandbox-Port"}"#),
                (
                    ["E2b-Sandbox-Id": "é", "E2b-Sandbox-Port": "1"], 400,
                    #"{"code":400,"message":"Invalid sandbox ID"}"#
                ),
                (place.guest.headers(0), 400, #"{"code":400,"message":"Invalid sandbox port"}"#),
            ]
            for (headers, status, body) in cases {
                let refused = try await place.http.send(request("GET", "/", headers))
                #expect(refused.head.status == status)
                #expect(refused.head.headers["Content-Type"] == "application/json")
                #expect(String(decoding: refused.body, as: UTF8.self) == body)

                var seen = headers
                seen["User-Agent"] = browser
                let page = try await place.http.send(request("GET", "/", seen))
                #expect(page.head.status == status)
                #expect(page.head.headers["Content-Type"] == "text/html; charset=utf-8")
                let text = String(decoding: page.body, as: UTF8.self)
                #expect(text.hasPrefix("<!DOCTYPE html>"))
                let message = try #require(try json(refused.body)["message"]?.string)
                #expect(text.contains(message))
            }
        }
    }

    @Test func `is nothing that is for no sandbox`() async throws {
        try await Place.with { place in
            for host in ["localhost", "api.e2b.localhost", "e2b.localhost", "127.0.0.1"] {
                expect(try await place.http.send(request("GET", "/health", ["Host": host])).head.status, is: 418)
            }
        }
    }

    @Test func `is a way in to the guest's way out`() async throws {
        try await Place.with { place in
            let answer = try await Place.http(place.trusted)
                .send(request("GET", "/", place.guest.headers(GuestProtocol.gatewayPort)))
            #expect(answer.head.status == 502)
            #expect(try json(answer.body)["message"] == "The sandbox is running but port is not open")
        }
    }

    @Test func `is CONNECT`() async throws {
        try await Place.with { place in
            let client = try await place.connect("CONNECT internal:80 HTTP/1.1", port: 3000)
            #expect(try await client.read(through: "}").hasPrefix("HTTP/1.1 405"))
        }
    }

    @Test func `is too many at once`() async throws {
        var limits = RouterLimits()
        limits.connections = 2
        try await Place.with(guests: 2, limits: limits) { place in
            let (begun, mayEnd) = (Counter(), Latch<Void>())
            try await withServer({ exchange in
                begun.add()
                _ = try? await mayEnd.value()
                try await exchange.respond(200)
            }) { port in
                async let first = place.send(port: port)
                async let second = place.send(port: port)
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { begun.value == 2 ? () : nil }
                let third = try await place.send(port: port)
                #expect(third.head.status == 429)
                #expect(try json(third.body)["sandboxId"]?.string == place.guest.id)
                // What fills one sandbox leaves the others as they are.
                async let other = place.http.send(request("GET", "/", place.guests[1].headers(port)))
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { begun.value == 3 ? () : nil }
                mayEnd.set(())
                expect(try await [first.head.status, second.head.status, other.head.status], is: [200, 200, 200])
                expect(try await place.send(port: port).head.status, is: 200)
            }
        }
    }

    /// Answers of servers that lie, and whether they come in pieces after a first byte.
    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nX: \(String(repeating: "a", count: 100_000))\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\(String(repeating: "X: a\r\n", count: 5000))\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhi\r\n0\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\nX: a\n\n",
        "HTTP/2 200\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "", "HTTP/1.1 200 OK\r\nHalf: a head",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: Upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 1000), String(repeating: "\r\n", count: 100_000),
        String(repeating: "x", count: 1_000_000),
    ])
    func `is an answer that is none`(_ answer: String) async throws {
        try await Place.with { place in
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write(answer)
            }) { port in
                let refused = try await place.send(port: port)
                #expect(refused.head.status == 502)
                #expect(try json(refused.body)["port"] == .integer(Int64(port)))
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhiX0\r\n\r\n",
    ])
    func `is an end where there is none`(_ answer: String) async throws {
        try await Place.with { place in
            try await withRawServer({ connection, _ in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write(answer)
            }) { port in
                let client = try await place.connect(port: port)
                let text = try await client.textToEnd()
                #expect(text.hasPrefix("HTTP/1.1 200") && !text.hasSuffix("0\r\n\r\n"))
                await #expect(throws: HTTPError.self) { try await place.send(port: port) }
            }
        }
    }

    @Test func `is what a guest sends behind its answer`() async throws {
        try await Place.with { place in
            let poisoned = Latch<Void>()
            try await withRawServer({ connection, number in
                _ = try await connection.read(through: "\r\n\r\n")
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if number == 0 {
                    try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                    poisoned.set(())
                }
                _ = try await connection.textToEnd()
            }) { port in
                expect(try await place.send(port: port).body, is: Array("ok".utf8))
                try await poisoned.value()
                expect(try await place.send(port: port).body, is: Array("ok".utf8))
            }
        }
    }

    @Test func `is a body that breaks its own framing`() async throws {
        try await Place.with { place in
            let served = Counter()
            try await withServer({ exchange in
                _ = try await exchange.body.collect(limit: 1000)
                served.add()
                try await exchange.respond(200)
            }) { port in
                let client = try await place.connect(
                    "POST / HTTP/1.1",
                    port: port,
                    "Transfer-Encoding: chunked\r\n\r\n1\r\nAX0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
                )
                let answer = try await client.textToEnd()
                #expect(answer.hasPrefix("HTTP/1.1 400") && !answer.dropFirst(8).contains("HTTP/1.1"))
                #expect(served.value == 0)
            }
        }
    }
}
