import GuestLink
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a port of the guest` {
    private static let hasIPv6 = (try? Listener(.tcp("::1", 0))) != nil

    /// Answers one connection with what it sent, once it has sent all, and then something more.
    private static func echo(_ listener: Listener) async throws {
        let connection = try await listener.accept()
        let all = try await readAll(connection)
        try await connection.write(all + Array(" and back".utf8))
        try await connection.closeWriting()
        connection.close()
    }

    private static func readAll(_ stream: any ByteStream) async throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let bytes = try await stream.read()
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Listens on one loopback with a port that nobody has on the other.
    private static func listen(on host: String) throws -> Listener {
        while true {
            let listener = try Listener(.tcp(host, 0))
            let other = host == "::1" ? "127.0.0.1" : "::1"
            // Only tried: what has the port on the other side now would answer in its place.
            if host == "127.0.0.1" || (try? Listener(.tcp(other, port(listener)))) != nil { return listener }
        }
    }

    private static func port(_ listener: Listener) -> UInt16 {
        if case .tcp(_, let port) = listener.address { port } else { 0 }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `is reached on either loopback, each direction to its own end`(_ host: String) async throws {
        if host == "::1", !Self.hasIPv6 { return }
        try await RunningAgent.run { agent in
            let listener = try Self.listen(on: host)
            async let serving: Void = Self.echo(listener)
            let stream = try await agent.link.connect(port: Self.port(listener))
            try await stream.write(Array("there".utf8))
            try await stream.closeWriting()
            #expect(try await String(decoding: Self.readAll(stream), as: UTF8.self) == "there and back")
            try await serving
            stream.close()
        }
    }

    @Test func `goes on when its server says first that it is done`() async throws {
        try await RunningAgent.run { agent in
            let listener = try Listener(.loopback(0))
            async let serving: [UInt8] = {
                let connection = try await listener.accept()
                try await connection.closeWriting()
                return try await Self.readAll(connection)
            }()
            let stream = try await agent.link.connect(port: Self.port(listener))
            #expect(try await stream.read().isEmpty)
            try await stream.write(Array("still here".utf8))
            try await stream.closeWriting()
            #expect(try await serving == Array("still here".utf8))
            stream.close()
        }
    }

    @Test func `is refused when nothing listens there`() async throws {
        try await RunningAgent.run { agent in
            // A port of the kernel's choice could be another test's by now.
            let port: UInt16 = 1
            await #expect(throws: CallError(.unavailable, "The sandbox is running but port is not open")) {
                _ = try await agent.link.connect(port: port)
            }
            let upgrade: Headers = ["Connection": "Upgrade", "Upgrade": GuestProtocol.connectUpgrade]
            let answer = try await agent.send("POST", "\(GuestProtocol.connectPath)?port=\(port)", upgrade)
            let message: JSONValue = "The sandbox is running but port is not open"
            #expect(try JSONValue(parsing: answer.body) == ["code": 502, "message": message])
        }
    }

    @Test func `is not the gateway's, which would let strangers out`() async throws {
        try await RunningAgent.run { agent in
            await #expect(throws: CallError(.unavailable, "The sandbox is running but port is not open")) {
                _ = try await agent.link.connect(port: GuestProtocol.gatewayPort)
            }
        }
    }

    @Test(arguments: ["", "?port=", "?port=0", "?port=65536", "?port=http"])
    func `has a number`(_ query: String) async throws {
        try await RunningAgent.run { agent in
            let upgrade: Headers = ["Connection": "Upgrade", "Upgrade": GuestProtocol.connectUpgrade]
            expect(try await agent.send("POST", GuestProtocol.connectPath + query, upgrade).status, 400)
            expect(try await agent.send("POST", GuestProtocol.connectPath + query).status, 426)
        }
    }

    @Test func `is not connected any more once the guest is somebody else's`() async throws {
        try await RunningAgent.run { agent in
            let listener = try Listener(.loopback(0))
            let stream = try await agent.link.connect(port: Self.port(listener))
            let program = try await listener.accept()
            try await agent.link.release()
            #expect(try await stream.read().isEmpty)
            #expect(try await program.read().isEmpty)
        }
    }
}
