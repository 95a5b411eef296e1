import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import Router

@Suite struct `a connection through the router` {
    @Test func `may leave HTTP, early bytes and half-closes included`() async throws {
        try await Place.with { place in
            try await withServer({ exchange in
                #expect(exchange.request.headers["Sec-WebSocket-Key"] == "k")
                let headers: Headers = ["Sec-WebSocket-Accept": "a"]
                let stream = try await exchange.upgrade(to: exchange.request.headers["Upgrade"] ?? "", headers)
                try await stream.write("hello ")
                let all = try await stream.textToEnd()
                try await stream.write("got \(all)")
                try await stream.closeWriting()
            }) { port in
                let client = try await place.connect(
                    port: port,
                    "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly"
                )
                let head = try await client.read(through: "\r\n\r\n")
                #expect(head.hasPrefix("HTTP/1.1 101 ") && head.contains("Upgrade: websocket\r\n"))
                #expect(head.contains("Sec-WebSocket-Accept: a\r\n"))
                expect(try await client.read(through: "hello "), is: "hello ")
                try await client.write(" late")
                try await client.closeWriting()
                expect(try await client.textToEnd(), is: "got early late")
            }
        }
    }

    @Test func `goes on as HTTP when the guest does not switch`() async throws {
        try await Place.with { place in
            try await withServer({ exchange in
                try await exchange.respond(426, ["Upgrade": "other"], body: Array("no".utf8))
            }) { port in
                let client = try await place.connect(port: port, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                #expect(try await client.read(through: "no").hasPrefix("HTTP/1.1 426"))
                try await client.write("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.read(through: "\r\n").hasPrefix("HTTP/1.1 418"))
            }
        }
    }

    @Test func `ends in the guest when its client goes away`() async throws {
        var limits = RouterLimits()
        limits.farewellTime = .milliseconds(20)
        try await Place.with(limits: limits) { place in
            let (begun, gone) = (Counter(), Counter())
            try await withServer({ exchange in
                begun.add()
                if exchange.request.path == "/stream" { try await exchange.start(200).flush() }
                do { _ = try await exchange.body.collect(limit: 100) } catch { return gone.add() }
                if let name = exchange.request.headers["Upgrade"] {
                    _ = try await exchange.upgrade(to: name).textToEnd()
                } else {
                    try await exchange.clientGone()
                }
                gone.add()
            }) { port in
                let clients = try await [
                    // While the guest makes up its mind, within an answer, within a body, after a switch.
                    place.connect(port: port), place.connect("GET /stream HTTP/1.1", port: port),
                    place.connect("POST / HTTP/1.1", port: port, "Content-Length: 10\r\n\r\nhalf"),
                    place.connect("POST / HTTP/1.1", port: port, "Transfer-Encoding: chunked\r\n\r\n5\r\nha"),
                    place.connect(port: port, "Connection: Upgrade\r\nUpgrade: x\r\n\r\n"),
                ]
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { begun.value == 5 ? () : nil }
                for client in clients { client.close() }
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { gone.value == 5 ? () : nil }
            }
        }
    }

    @Test func `holds little for a client that never reads, and others do not notice`() async throws {
        try await Place.with { place in
            let written = Counter()
            let piece = pattern(256 * 1024)
            try await withServer({ exchange in
                guard exchange.request.path == "/endless" else { return try await exchange.respond(200) }
                let writer = try exchange.start(200)
                while true {
                    try await writer.write(piece)
                    written.add(piece.count)
                }
            }) { port in
                let clients = try await (
                    place.connect("GET /endless HTTP/1.1", port: port),
                    place.connect("GET /endless HTTP/1.1", port: port)
                )
                // What it may write is over when it stops: nothing is read, so nothing can begin again.
                var before = -1
                while written.value != before || before == 0 {
                    before = written.value
                    for _ in 0..<50 { expect(try await place.send(port: port).head.status, is: 200) }
                }
                #expect(written.value < 200 * 1024 * 1024)
                clients.0.close()
                clients.1.close()
            }
        }
    }

    @Test func `ends when the sandbox does, whatever it is doing`() async throws {
        try await Place.with(guests: 2) { place in
            let begun = Counter()
            try await withServer({ exchange in
                begun.add()
                if let name = exchange.request.headers["Upgrade"] {
                    _ = try await exchange.upgrade(to: name).textToEnd()
                } else if exchange.request.path == "/stream" {
                    let writer = try exchange.start(200)
                    try await writer.write(Array("part".utf8))
                    try await exchange.clientGone()
                } else {
                    try await exchange.clientGone()
                }
            }) { port in
                let waiting = try await place.connect(port: port)
                let stream = try await place.connect("GET /stream HTTP/1.1", port: port)
                let switched = try await place.connect(port: port, "Connection: Upgrade\r\nUpgrade: x\r\n\r\n")
                #expect(try await stream.read(through: "part\r\n").hasPrefix("HTTP/1.1 200"))
                #expect(try await switched.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 101"))
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { begun.value == 3 ? () : nil }

                let other = Counter()
                async let alive = place.http.send(request("GET", "/", place.guests[1].headers(port)))
                try await retrying(every: .milliseconds(2), for: .seconds(60)) { begun.value == 4 ? () : nil }

                place.guest.ending.set(())
                let told = try await waiting.read(through: "}")
                #expect(told.hasPrefix("HTTP/1.1 502") && told.contains("The sandbox was not found"))
                expect(try await stream.textToEnd(), is: "")
                expect(try await switched.textToEnd(), is: "")
                let health = try await place.send("GET", "/health", port: GuestProtocol.agentPort)
                #expect(health.head.status == 502)
                #expect(other.value == 0)
                place.guests[1].ending.set(())
                expect(try await alive.head.status, is: 502)
            }
        }
    }
}

@Suite struct `a call to the agent through the router` {
    private func start(_ line: String) -> StartProcess.Request {
        StartProcess.Request(process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]), stdin: false)
    }

    @Test func `streams its events as they come`() async throws {
        try await Place.with { place in
            let release = "\(place.guest.id)-go"
            defer { try? Files.remove("/tmp/\(release)") }
            let line = "echo $NAME; while [ ! -e /tmp/\(release) ]; do sleep 0.01; done; echo two; exit 3"
            try await place.calls().stream(StartProcess.self, start(line)) { events in
                var text = ""
                var status: Int32?
                while let event = try await events.next()?.event {
                    if let bytes = event.data?.stdout { text += String(decoding: bytes, as: UTF8.self) }
                    if text == "\(place.guest.id)\n" { try Files.write([], to: "/tmp/\(release)") }
                    if let end = event.end { status = end.exitCode }
                }
                #expect(text == "\(place.guest.id)\ntwo\n" && status == 3)
            }
        }
    }

    @Test func `ends with an error that is understood when the sandbox does`() async throws {
        try await Place.with { place in
            try await place.calls().stream(StartProcess.self, start("sleep 1000")) { events in
                let first = try await events.next()
                #expect(first?.event.start != nil)
                place.guest.ending.set(())
                var told: CallError?
                do {
                    while try await events.next() != nil {}
                } catch let error as CallError {
                    told = error
                }
                #expect(told == CallError(.unavailable, "The sandbox was not found"))
            }
            let error = await #expect(throws: CallError.self) {
                try await place.calls().call(ListProcesses.self, Empty())
            }
            #expect(error == CallError(.unavailable, "The sandbox was not found"))
        }
    }

    @Test func `needs the sandbox's token, or trust`() async throws {
        try await Place.with(guests: 2) { place in
            expect(try await place.calls().call(ListProcesses.self, Empty()).processes.count, is: 0)
            for headers: Headers in [
                [:], [GuestProtocol.tokenHeader: "wrong"], [GuestProtocol.tokenHeader: place.guests[1].token],
                [GuestProtocol.tokenHeader: ""],
            ] {
                let error = await #expect(throws: CallError.self) {
                    try await place.calls(headers).call(ListProcesses.self, Empty())
                }
                #expect(error?.code == .unauthenticated)
                #expect(error?.message.hasPrefix("unauthorized access, please provide a valid access token") == true)
            }
            var trusted = place.guest.headers(GuestProtocol.agentPort)
            trusted["Host"] = "localhost"
            let calls = CallClient(http: Place.http(place.trusted), headers: trusted)
            expect(try await calls.call(ListProcesses.self, Empty()).processes.count, is: 0)
            // Who shows a token is judged by it.
            let wrong = await #expect(throws: CallError.self) {
                var calls = calls
                calls.headers[GuestProtocol.tokenHeader] = "wrong"
                return try await calls.call(ListProcesses.self, Empty())
            }
            #expect(wrong?.code == .unauthenticated)
        }
    }

    @Test(arguments: [
        "/init", "/freeze", "/unfreeze", "/collapse", "/fsfreeze", "/fsthaw", "/upgrade", GuestProtocol.tunnelPath,
        GuestProtocol.connectPath + "?port=80", GuestProtocol.releasePath, GuestProtocol.packPath,
        GuestProtocol.unpackPath, "/\(ReadJournal.name)", "/\(ReadMetrics.name)", "//init", "/./init", "/%69nit",
        "/INIT",
        "/process.Process", "/", "*", "http://localhost/init", "http://localhost",
    ])
    func `reaches nothing that is between host and guest`(_ target: String) async throws {
        try await Place.with { place in
            for address in [place.address, place.trusted] {
                let headers = place.guest.headers(
                    GuestProtocol.agentPort,
                    [
                        GuestProtocol.tokenHeader: place.guest.token, "Connection": "Upgrade",
                        "Upgrade": "martlet-tunnel",
                    ]
                )
                let answer = try await Place.http(address).send(request("POST", target, headers))
                #expect(answer.head.status == 404)
                #expect(try json(answer.body)["code"] == .integer(404))
            }
        }
    }

    @Test func `needs no token for its health`() async throws {
        try await Place.with { place in
            let host: Headers = ["Host": "49983-\(place.guest.id).e2b.localhost"]
            expect(try await place.http.send(request("GET", "/health", host)).head.status, is: 204)
        }
    }
}
