import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a tunnel` {
    /// Parks a connection, as the host does.
    private static func park(_ agent: RunningAgent) async throws -> any ByteStream {
        let before = agent.agent.parkedTunnels
        let head = RequestHead(method: "POST", target: GuestProtocol.tunnelPath, headers: RunningAgent.headers)
        let stream = try await agent.http.upgrade(head, to: GuestProtocol.tunnelUpgrade)
        try await retrying(every: .milliseconds(2), for: .seconds(20)) { agent.agent.parkedTunnels > before ? () : nil }
        return stream
    }

    private static func readLine(_ stream: any ByteStream) async throws -> [UInt8] {
        var line: [UInt8] = []
        while line.last != 0x0A {
            let byte = try await stream.read(upTo: 1)
            if byte.isEmpty { break }
            line += byte
        }
        return line
    }

    private static func readAll(_ stream: any ByteStream) async throws -> String {
        var all: [UInt8] = []
        while true {
            let bytes = try await stream.read()
            if bytes.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += bytes
        }
    }

    @Test func `says what it is for, then carries each direction to its own end`() async throws {
        try await RunningAgent.run { agent in
            let host = try await Self.park(agent)
            let program = try await Channel.connect(to: agent.gateway)
            try await program.write(Array("question".utf8))
            try await program.closeWriting()
            let line = try await Self.readLine(host)
            let opening = try JSONDecoder().decode(TunnelOpening.self, from: Data(line))
            guard case .tcp(_, let port) = agent.gateway else { throw CancellationError() }
            #expect(opening.port == port)
            #expect(try await Self.readAll(host) == "question")
            try await host.write(Array("answer".utf8))
            try await host.closeWriting()
            #expect(try await Self.readAll(program) == "answer")
        }
    }

    @Test func `lets the host end its direction first`() async throws {
        try await RunningAgent.run { agent in
            let host = try await Self.park(agent)
            let program = try await Channel.connect(to: agent.gateway)
            _ = try await Self.readLine(host)
            try await host.write(Array("greeting".utf8))
            try await host.closeWriting()
            #expect(try await Self.readAll(program) == "greeting")
            try await program.write(Array("late".utf8))
            try await program.closeWriting()
            #expect(try await Self.readAll(host) == "late")
        }
    }

    @Test func `is awaited by a connection that comes first`() async throws {
        try await RunningAgent.run { agent in
            let program = try await Channel.connect(to: agent.gateway)
            try await program.write(Array("early".utf8))
            try await program.closeWriting()
            let head = RequestHead(method: "POST", target: GuestProtocol.tunnelPath, headers: RunningAgent.headers)
            let host = try await agent.http.upgrade(head, to: GuestProtocol.tunnelUpgrade)
            _ = try await Self.readLine(host)
            #expect(try await Self.readAll(host) == "early")
        }
    }

    @Test func `is given up when no host comes`() async throws {
        try await RunningAgent.run(tunnelPatience: .milliseconds(20)) { agent in
            let program = try await Channel.connect(to: agent.gateway)
            #expect(try await program.read().isEmpty)
        }
    }

    @Test func `is forgotten when its host goes away, and another is used`() async throws {
        try await RunningAgent.run { agent in
            let gone = try await Self.park(agent)
            gone.close()
            try await retrying(every: .milliseconds(2), for: .seconds(20)) {
                agent.agent.parkedTunnels == 0 ? () : nil
            }
            let host = try await Self.park(agent)
            let program = try await Channel.connect(to: agent.gateway)
            try await program.closeWriting()
            #expect(try await Self.readLine(host).last == 0x0A)
        }
    }

    @Test func `does not outlive the identity it was opened for`() async throws {
        try await RunningAgent.run { agent in
            let host = try await Self.park(agent)
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token]), 204)
            #expect(try await host.read().isEmpty)
            #expect(agent.agent.parkedTunnels == 0)
        }
    }

    @Test func `is cut when the guest gets another identity, so that a program does not wait for ever`() async throws {
        try await RunningAgent.run { agent in
            let host = try await Self.park(agent)
            let program = try await Channel.connect(to: agent.gateway)
            _ = try await Self.readLine(host)
            expect(try await agent.identify([GuestProtocol.tokenHeader: RunningAgent.token]), 204)
            #expect(try await program.read().isEmpty)
            #expect(try await host.read().isEmpty)
        }
    }

    @Test func `needs an upgrade`() async throws {
        try await RunningAgent.run { agent in
            expect(try await agent.send("POST", GuestProtocol.tunnelPath).status, 426)
        }
    }
}
