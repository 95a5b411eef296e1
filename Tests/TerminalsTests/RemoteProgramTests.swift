import Glibc
import Linux
import Synchronization
import Testing
import Wire

@testable import Terminals

@Suite struct `a program in a sandbox` {
    private func request(_ line: String) -> ExecRequest.Open {
        ExecRequest.Open(
            id: "exec-\(Random.hex(8))",
            process: ProcessConfig(cmd: "/bin/bash", args: ["-c", line]),
            linger: 600
        )
    }

    /// Writes `input` to a program and gives all that it did.
    private func run(
        _ agent: AgentBehindCuts,
        _ line: String,
        input: [UInt8] = []
    ) async throws -> (stdout: [UInt8], stderr: [UInt8], exited: ExecEvent.Exited?) {
        try await withDeadline(.seconds(600)) {
            try await RemoteProgram.with(agent.sockets, request(line)) { program in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask {
                        var rest = input[...]
                        while !rest.isEmpty {
                            try await program.write(Array(rest.prefix(10_000)))
                            rest = rest.dropFirst(10_000)
                        }
                        program.endInput()
                    }
                    var (stdout, stderr, end): ([UInt8], [UInt8], ExecEvent.Exited?) = ([], [], nil)
                    while let event = try await program.next() {
                        switch event {
                        case .output(.stderr, let bytes): stderr += bytes
                        case .output(_, let bytes): stdout += bytes
                        case .exited(let exited): end = exited
                        }
                    }
                    group.cancelAll()
                    return (stdout, stderr, end)
                }
            }
        }
    }

    @Test func `has its three streams and its status here`() async throws {
        try await AgentBehindCuts.run(cut: { _ in nil }) { agent in
            let result = try await run(agent, "cat; echo err >&2; exit 3", input: Array("in\n".utf8))
            #expect(result.stdout == Array("in\n".utf8))
            #expect(result.stderr == Array("err\n".utf8))
            #expect(result.exited == ExecEvent.Exited(code: 3))
            #expect(agent.connections() == 1)
        }
    }

    @Test func `loses and doubles nothing, wherever the connection is cut`() async throws {
        // Through the handshake, the opening, the input and the output; each cut with all that follows.
        try await AgentBehindCuts.run(cut: { $0 < 60 ? 150 + $0 * 37 : nil }) { agent in
            let input = (0..<2000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
            let result = try await run(agent, "tee /dev/stderr; exit 9", input: input)
            #expect(result.stdout == input)
            #expect(result.stderr == input)
            #expect(result.exited == ExecEvent.Exited(code: 9))
            #expect(agent.connections() > 5)
        }
    }

    @Test func `is whole after a cut at any single point`() async throws {
        let input = Array("in and out\n".utf8)
        let cut = Mutex<Int?>(nil)
        let isFirst = Mutex(false)
        try await AgentBehindCuts.run { _ in
            let isFirst = isFirst.withLock { isFirst in
                defer { isFirst = false }
                return isFirst
            }
            return isFirst ? cut.withLock { $0 } : nil
        } _: { agent in
            // Until a whole session passes on its first connection.
            var (place, sessions) = (0, 0)
            while true {
                cut.withLock { [place] in $0 = place }
                isFirst.withLock { $0 = true }
                let before = agent.connections()
                let result = try await run(agent, "cat; echo err >&2; exit 9", input: input)
                #expect(result.stdout == input && result.stderr == Array("err\n".utf8), "cut after \(place) bytes")
                #expect(result.exited == ExecEvent.Exited(code: 9), "cut after \(place) bytes")
                if agent.connections() == before + 1 { break }
                place += 5
                sessions += 1
            }
            #expect(sessions > 50)
        }
    }

    @Test func `carries millions of bytes both ways over many connections`() async throws {
        try await AgentBehindCuts.run(cut: { 100_000 + ($0 * 77_777) % 600_000 }) { agent in
            let input = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let result = try await run(agent, "cat", input: input)
            #expect(result.stdout.count == input.count)
            #expect(result.stdout == input)
            #expect(result.exited == ExecEvent.Exited(code: 0))
            #expect(agent.connections() > 10)
        }
    }

    @Test func `takes a line of 64 MiB, and none of it is its reader's to lose`() async throws {
        try await AgentBehindCuts.run(cut: { _ in nil }) { agent in
            let count = 64 * 1024 * 1024
            let result = try await run(agent, "head -c \(count) /dev/zero | tr '\\0' x; echo")
            #expect(result.stdout.count == count + 1)
            #expect(result.stdout.last == 0x0A)
            #expect(result.exited == ExecEvent.Exited(code: 0))
        }
    }

    @Test func `does not wait for a writer when it ends`() async throws {
        try await AgentBehindCuts.run(cut: { _ in nil }) { agent in
            let result = try await run(agent, "head -c 3", input: Array(repeating: 65, count: 5_000_000))
            #expect(result.stdout == [65, 65, 65])
            #expect(result.exited == ExecEvent.Exited(code: 0))
        }
    }

    @Test func `is signalled`() async throws {
        try await AgentBehindCuts.run(cut: { _ in nil }) { agent in
            let end = try await withDeadline(.seconds(60)) {
                try await RemoteProgram.with(agent.sockets, request("echo ready; exec sleep 1000")) { program in
                    #expect(try await program.next() == .output(.stdout, Array("ready\n".utf8)))
                    program.send(signal: "SIGTERM")
                    return try await program.next()
                }
            }
            #expect(end == .exited(ExecEvent.Exited(signal: SIGTERM)))
        }
    }

    @Test func `that can not be started is an error with a reason`() async throws {
        try await AgentBehindCuts.run(cut: { _ in nil }) { agent in
            var wrong = request("true")
            wrong.process?.cmd = "no-such-program"
            let asked = wrong
            let error = await #expect(throws: CallError.self) {
                try await RemoteProgram.with(agent.sockets, asked) { _ in }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func `is given up when its sandbox can not be reached for too long`() async throws {
        try await AgentBehindCuts.run(cut: { $0 == 0 ? 600 : 0 }) { agent in
            var sockets = agent.sockets
            sockets.isGone = { true }
            let gone = sockets
            let error = await #expect(throws: CallError.self) {
                try await RemoteProgram.with(gone, request("yes")) { program in
                    while try await program.next() != nil {}
                }
            }
            #expect(error?.code == .unavailable)
        }
    }
}

@Suite struct `a terminal in a sandbox` {
    @Test func `comes again with what was on it when the connection was cut`() async throws {
        try await AgentBehindCuts.run(cut: { $0 == 0 ? 900 : nil }) { agent in
            let line = "echo first; seq 1000; read word; echo got $word; exit 4"
            let opening = TerminalOpening(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]),
                size: TerminalSize(cols: 80, rows: 24)
            )
            let events = try await withDeadline(.seconds(60)) {
                try await RemoteTerminal.with(agent.sockets, opening) { terminal in
                    var events: [RemoteTerminal.Event] = []
                    var text = ""
                    while let event = try await terminal.next() {
                        switch event {
                        case .opened: text = ""
                        case .output(let bytes): text += String(decoding: bytes, as: UTF8.self)
                        case .exited: break
                        }
                        if event == .output([]) || text.hasSuffix("1000\r\n") {
                            text += " "
                            #expect(text.hasPrefix("first"))
                            try await terminal.write(Array("it\r".utf8))
                        }
                        events.append(event)
                    }
                    #expect(text.contains("got it"))
                    return events
                }
            }
            let opened = events.compactMap { if case .opened(let id, let isNew) = $0 { (id, isNew) } else { nil } }
            #expect(opened.count == 2)
            #expect(opened.map(\.1) == [true, false])
            #expect(opened.first?.0 == opened.last?.0)
            #expect(events.last == .exited(4))
        }
    }
    @Test func `is whole after a cut at any point of what it shows`() async throws {
        // Behind the handshake, through all that is shown at first.
        for place in stride(from: 0, through: 6000, by: 61) {
            try await AgentBehindCuts.run(cut: { $0 == 0 ? place : nil }) { agent in
                let line = "stty -echo; seq 1000; read word; echo got $word; exit 4"
                let opening = TerminalOpening(slug: "cut", process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]))
                let (shown, status) = try await withDeadline(.seconds(60)) {
                    try await RemoteTerminal.with(agent.sockets, opening) { terminal in
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            var (shown, status) = ([UInt8](), Int32?.none)
                            while let event = try await terminal.next() {
                                switch event {
                                case .opened: shown = []
                                case .output(let bytes):
                                    shown += bytes
                                    guard shown.suffix(6).elementsEqual(Array("1000\r\n".utf8)) else { continue }
                                    // Who writes waits for a connection, which whoever reads makes.
                                    group.addTask { try await terminal.write(Array("it\r".utf8)) }
                                case .exited(let code): status = code
                                }
                            }
                            try await group.waitForAll()
                            return (shown, status)
                        }
                    }
                }
                let expected = (1...1000).map { "\($0)\r\n" }.joined() + "got it\r\n"
                #expect(shown == Array(expected.utf8), "cut after \(place) bytes")
                #expect(status == 4, "cut after \(place) bytes")
            }
        }
    }
}
