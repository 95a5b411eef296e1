import FoundationEssentials
import Glibc
import HTTP
import Linux
import Testing
import WebSockets
import Wire

@testable import GuestAgent

@Suite struct `a program's streams over a WebSocket` {
    private func open(
        _ line: String,
        id: String = "test",
        spool: Bool? = nil,
        linger: Double? = nil,
        received: Int = 0
    ) -> ExecRequest.Open {
        ExecRequest.Open(
            id: id,
            process: ProcessConfig(cmd: "/bin/bash", args: ["-c", line]),
            spool: spool,
            linger: linger,
            received: received
        )
    }

    @Test func `are kept apart, and its status is exact`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.exec(open("echo out; echo err >&2; exit 3"))
            try await client.hearAll()
            #expect(client.stdout == Array("out\n".utf8))
            #expect(client.stderr == Array("err\n".utf8))
            #expect(client.exited == ExecEvent.Exited(code: 3))
            #expect(client.socket.peersClosing?.code == .normal)
        }
    }

    @Test func `carry bytes of every kind in, half-closed, and out`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.exec(open("cat; echo end >&2"))
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try await client.write(Array(bytes.prefix(200_000)))
            try await client.write(Array(bytes.dropFirst(200_000)))
            try await client.say(.end)
            try await client.hearAll()
            #expect(client.stdout == bytes)
            #expect(client.stderr == Array("end\n".utf8))
            #expect(client.exited == ExecEvent.Exited(code: 0))
        }
    }

    @Test func `carry signals, and tell which one ended it`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.exec(open("trap 'echo caught' USR1; echo ready; while :; do sleep 0.05; done"))
            try await client.hear { client.stdout == Array("ready\n".utf8) }
            try await client.say(ExecRequest(signal: "SIGUSR1"))
            try await client.hear { client.stdout == Array("ready\ncaught\n".utf8) }
            try await client.say(ExecRequest(signal: "SIGKILL"))
            try await client.hearAll()
            #expect(client.exited == ExecEvent.Exited(signal: SIGKILL))
        }
    }

    @Test(arguments: [false, true]) func `go on where they were after the socket was cut`(_ spools: Bool) async throws {
        try await RunningAgent.run { agent in
            // More than is kept without being read, so that the program has to wait for us.
            let line = "for ((i = 0; i < 200000; i++)); do echo \"line $i\"; done; cat"
            let request = open(line, spool: spools)
            let expected = (0..<200_000).flatMap { Array("line \($0)\n".utf8) }
            var received: [UInt8] = []
            var first = true
            for count in [1, 70_000, 500_000, 1_500_000] {
                var again = request
                again.received = received.count
                if !first { again.process = nil }
                let client = try await agent.exec(again)
                #expect(client.opened?.created == first)
                first = false
                let start = received.count
                try await client.hear { start + client.stdout.count >= count }
                received += client.stdout
                // Half of what came is said to have come; the rest is kept.
                try await client.say(ExecRequest(acknowledging: start + (received.count - start) / 2))
                await client.socket.close()
            }
            let last = try await agent.exec(
                ExecRequest.Open(id: "test", received: received.count)
            )
            try await last.write(Array("tail".utf8))
            try await last.say(.end)
            // Who says nothing of what has come gets no more than what is kept.
            let start = received.count
            try await withDeadline(.seconds(60)) {
                while last.exited == nil, !last.isOver {
                    let seen = last.received
                    try await last.hear { last.received > seen || last.exited != nil }
                    if last.exited == nil { try await last.say(ExecRequest(acknowledging: start + last.received)) }
                }
            }
            received += last.stdout
            #expect(received == expected + Array("tail".utf8))
            #expect(last.exited == ExecEvent.Exited(code: 0))
        }
    }

    @Test func `take each byte of the input once, and say how many have come`() async throws {
        try await RunningAgent.run { agent in
            let first = try await agent.exec(open("cat"))
            try await first.write(Array("abc".utf8))
            try await first.hear { first.stdout.count == 3 }
            await first.socket.close()
            let second = try await agent.exec(open("cat", received: 3))
            #expect(second.opened?.created == false)
            #expect(second.opened?.input == 3)
            try await second.write(Array("def".utf8))
            try await second.say(.end)
            try await second.hearAll()
            #expect(second.stdout == Array("def".utf8))
        }
    }

    @Test func `belong to the client that came last`() async throws {
        try await RunningAgent.run { agent in
            let first = try await agent.exec(open("cat"))
            let second = try await agent.exec(open("cat"))
            try await first.hearAll()
            #expect(first.socket.peersClosing?.code == .policyViolation)
            try await second.write([1])
            try await second.hear { second.stdout == [1] }
        }
    }

    @Test func `are kept when the program has ended, until they were read`() async throws {
        try await RunningAgent.run { agent in
            let first = try await agent.exec(open("read word; echo \"got $word\"; exit 5"))
            try await first.write(Array("it\n".utf8))
            await first.socket.close()
            let second = try await agent.exec(open("never started"))
            try await second.hearAll()
            #expect(second.stdout == Array("got it\n".utf8))
            #expect(second.exited == ExecEvent.Exited(code: 5))
        }
    }

    @Test func `end with their program, when no client comes back`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.exec(open("trap '' TERM HUP; echo $$; exec sleep 1000", linger: 0))
            try await client.hear { client.stdout.last == 0x0A }
            let pid = try #require(Int32(String(decoding: client.stdout, as: UTF8.self).dropLast()))
            #expect(isAlive(pid))
            await client.socket.close()
            try await retrying(every: .milliseconds(20), for: .seconds(60)) { isAlive(pid) ? nil : () }
        }
    }

    @Test func `do not let a client send more than the program takes`() async throws {
        try await RunningAgent.run { agent in
            let client = try await agent.exec(open("sleep 100"))
            // A pipe takes some of it.
            for _ in 0..<20 { try? await client.write(Array(repeating: 0, count: 100_000)) }
            try await client.hearAll()
            #expect(client.error?.code == .resourceExhausted)
        }
    }

    @Test func `are refused with a reason`() async throws {
        try await RunningAgent.run { agent in
            let unknown = try await agent.exec(ExecRequest.Open(id: "nobody"))
            #expect(unknown.error?.code == .notFound)
            var wrong = open("true")
            wrong.process?.cmd = "no-such-program"
            #expect(try await agent.exec(wrong).error?.code == .invalidArgument)
            let beyond = try await agent.exec(open("sleep 100", id: "other", received: 10))
            #expect(beyond.error?.code == .outOfRange)
            let socket = try await agent.socket("/exec")
            try await socket.send(.binary([0]))
            let client = ExecClient(socket)
            try await client.hearAll()
            #expect(client.error?.code == .invalidArgument)
            #expect(socket.peersClosing?.code == .policyViolation)
        }
    }
}
