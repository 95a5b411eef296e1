import HTTP
import Linux
import Synchronization
import Testing

@testable import WebSockets

@Suite struct `a WebSocket` {
    @Test func `carries messages both ways and closes with a reason`() async throws {
        let (client, server) = try socketPair()
        async let echoed: Void = {
            while let message = try await server.receive() { try await server.send(message) }
            await server.close()
        }()
        for message in [Message.text("hällo"), .binary(pattern(1_000_000)), .text(""), .binary([])] {
            async let sent: Void = client.send(message)
            #expect(try await client.receive() == message)
            try await sent
        }
        await client.close(CloseCode(rawValue: 4001), "done")
        try await echoed
        #expect(server.peersClosing == Closing(CloseCode(rawValue: 4001), "done"))
        #expect(client.peersClosing == server.peersClosing)
        await #expect(throws: WebSocketError.self) { try await client.send(.text("late")) }
    }

    @Test func `tells the peer which rule it broke`() async throws {
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server)
        try await raw.write([0x81, 0x01, 0x61])
        let error = await #expect(throws: WebSocketError.self) { try await server.receive() }
        #expect(error?.code == .protocolError)
        // And it stays so, whatever follows.
        try await raw.write([0x81, 0x80, 0, 0, 0, 0])
        await #expect(throws: WebSocketError.self) { try await server.receive() }
        let answer = try await raw.read()
        #expect(Array(answer.prefix(4)) == [0x88, UInt8(answer.count - 2), 0x03, 0xEA])
        raw.close()
        await server.close()
    }

    @Test func `says when the connection ends without a Close`() async throws {
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server)
        try await raw.write([0x81, 0x85, 0, 0])
        raw.close()
        let error = await #expect(throws: WebSocketError.self) { try await server.receive() }
        #expect(error?.code == nil)
    }

    @Test func `slows a sender whose peer does not receive`() async throws {
        let (client, server) = try socketPair()
        let sent = Mutex(0)
        let task = Task {
            for _ in 0..<200 {
                try await client.send(.binary(pattern(100_000)))
                sent.withLock { $0 += 1 }
            }
            await client.close()
        }
        // The first message is here; what else left is in the kernel's buffers, which do not hold 20 MB.
        #expect(try await server.receive()?.bytes.count == 100_000)
        #expect(sent.withLock { $0 } < 100)
        var count = 1
        while let message = try await server.receive() {
            #expect(message.bytes == pattern(100_000))
            count += 1
        }
        #expect(count == 200)
        await server.close()
        try await task.value
    }

    @Test func `hears a peer that does not read, and answers its last Ping later`() async throws {
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server)
        let peer = MessageEncoder(role: .client, frameLimit: .max)
        let isBlocked = Latch<Void>()
        let sending = Task {
            let sent = Task { try await server.send(.binary(pattern(8_000_000))) }
            isBlocked.set(())
            try await sent.value
        }
        try await isBlocked.value()
        for number in 0..<100 { try await raw.write(peer.frame(.ping, [UInt8(number)])) }
        try await raw.write(peer.frame(.text, Array("Ctrl-C".utf8)))
        #expect(try await withDeadline(.seconds(60)) { try await server.receive() } == .text("Ctrl-C"))
        var decoder = MessageDecoder(.client, limit: 10_000_000)
        var pongs: [UInt8] = []
        var messages = 0
        while pongs.last != 99 || messages == 0 {
            decoder.add(try await raw.read())
            while let event = try decoder.next() {
                if case .pong(let payload) = event { pongs += payload }
                if case .message = event { messages += 1 }
            }
        }
        #expect(pongs == pongs.sorted())
        try await sending.value
        raw.close()
    }

    @Test func `goes on after a receive that was cancelled`() async throws {
        let (raw, stream) = try streamPair()
        let client = WebSocket(stream, .client)
        try await raw.write([0x81, 0x03, 0x61])
        await #expect(throws: (any Error).self) {
            try await withDeadline(.milliseconds(20)) { try await client.receive() }
        }
        try await raw.write([0x62, 0x63])
        #expect(try await client.receive() == .text("abc"))
    }

    @Test func `does not wait long for a peer that never closes`() async throws {
        var limits = WebSocketLimits()
        limits.closeTime = .milliseconds(50)
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server, limits: limits)
        await server.close()
        #expect(try await raw.read() == [0x88, 0x02, 0x03, 0xE8])
        #expect(try await raw.read() == [])
    }

    @Test func `ends the connection of a peer that does not answer`() async throws {
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server)
        let heard = Task { try await server.receive() }
        let keeping = Task { try await server.keepAlive(every: .milliseconds(50)) }
        #expect(try await raw.read() == [0x89, 0])
        #expect(try await raw.read() == [])
        await #expect(throws: WebSocketError.self) { try await heard.value }
        try await keeping.value
    }

    @Test func `keeps a peer that answers`() async throws {
        let (raw, stream) = try streamPair()
        let server = WebSocket(stream, .server)
        let heard = Task { try await server.receive() }
        // Long enough for a busy machine to answer in.
        let keeping = Task { try await server.keepAlive(every: .seconds(2)) }
        let peer = MessageEncoder(role: .client, frameLimit: .max)
        for _ in 0..<2 {
            #expect(try await raw.read() == [0x89, 0])
            try await raw.write(peer.frame(.pong, []))
        }
        try await raw.write(peer.frame(.text, Array("still here".utf8)))
        #expect(try await heard.value == .text("still here"))
        keeping.cancel()
        raw.close()
    }

    // MARK: The handshake

    @Test func `agrees on a subprotocol`() async throws {
        try await withSocketServer(
            protocols: ["b", "c"],
            { socket in
                try await socket.send(.text(socket.subprotocol ?? "none"))
            }
        ) { address in
            for (offered, chosen) in [(["a", "c", "b"], "b"), (["c"], "c"), (["a"], nil), ([], nil)] {
                let socket = try await connect(address, protocols: offered)
                #expect(socket.subprotocol == chosen)
                #expect(try await socket.receive() == .text(chosen ?? "none"))
                #expect(try await socket.receive() == nil)
                #expect(socket.peersClosing?.code == .normal)
                await socket.close()
            }
        }
    }

    @Test func `refuses requests that are none for a WebSocket`() async throws {
        let good: Headers = [
            "Host": "h", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        ]
        let changes: [(String, String?, Int)] = [
            ("Upgrade", nil, 426), ("Connection", "close", 426), ("Sec-WebSocket-Version", "8", 426),
            ("Sec-WebSocket-Key", nil, 400), ("Sec-WebSocket-Key", "dGhl", 400), ("Origin", "http://evil", 403),
        ]
        try await withSocketServer({ _ in }) { address in
            for (name, value, status) in changes {
                var headers = good
                headers[name] = value
                let client = HTTPClient { try await Channel.connect(to: address) }
                let head = RequestHead(method: "GET", target: "/", headers: headers)
                let answer = try await client.send(head)
                #expect(answer.head.status == status, "\(name)")
                #expect(status != 426 || answer.head.headers["Sec-WebSocket-Version"] == "13")
            }
        }
    }

    @Test func `refuses an answer that does not fit its request`() async throws {
        let listener = try Listener(.loopback(0))
        let server = HTTPServer { exchange in
            _ = try await exchange.upgrade(to: "websocket", ["Sec-WebSocket-Accept": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="])
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run(on: listener) }
            await #expect(throws: WebSocketError.self) { try await connect(listener.address) }
            group.cancelAll()
            listener.close()
        }
    }
}
