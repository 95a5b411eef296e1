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

    @Test func `says which address a connection was meant for`() async throws {
        try await RunningAgent.run { agent in
            let everywhere = try #require(agent.ways.everywhere)
            let program = try await Channel.connect(to: everywhere.address)
            // Made to the listener itself, it was meant for nobody.
            #expect(try await program.read().isEmpty)
        }
    }

    @Test func `brings answers to questions for names, each to who asked, on lines that are used again`() async throws {
        try await RunningAgent.run { agent in
            let names = try #require(agent.ways.names)
            guard case .tcp(_, let port) = names.datagrams.address else { throw CancellationError() }
            let host = try await Self.park(agent)
            let opened = Task {
                let line = try await Self.readLine(host)
                // Turns each question round.
                for _ in 0..<3 {
                    let length = try await host.read(upTo: 2)
                    let question = try await host.read(upTo: Int(length[1]))
                    try await host.write(length + question.reversed())
                }
                return line
            }
            for question in ["one", "three", "five"] {
                let asked = try await Program(
                    "python3",
                    [
                        "-c",
                        """
                        import socket, sys
                        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                        line.settimeout(60)
                        line.connect(("127.0.0.1", int(sys.argv[1])))
                        line.send(sys.argv[2].encode())
                        print(line.recv(99).decode())
                        """, "\(port)", question,
                    ]
                ).run()
                #expect(asked.text == String(question.reversed()) + "\n", "\(asked.errorText)")
            }
            let line = try await opened.value
            #expect(try JSONDecoder().decode(TunnelOpening.self, from: Data(line)) == TunnelOpening(.dns, port: 53))
        }
    }

    @Test func `for names is made anew when the host has ended it`() async throws {
        try await RunningAgent.run { agent in
            let names = try #require(agent.ways.names)
            for _ in 0..<2 {
                let host = try await Self.park(agent)
                let program = try await Channel.connect(to: names.streams.address)
                try await program.write([0, 1, 65])
                let line = try await Self.readLine(host)
                #expect(try JSONDecoder().decode(TunnelOpening.self, from: Data(line)).kind == .dns)
                #expect(try await host.read(upTo: 3) == [0, 1, 65])
                host.close()
                #expect(try await program.read().isEmpty)
            }
        }
    }

    @Test func `needs an upgrade`() async throws {
        try await RunningAgent.run { agent in
            expect(try await agent.send("POST", GuestProtocol.tunnelPath).status, 426)
        }
    }
}
