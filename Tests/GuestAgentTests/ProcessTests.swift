import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `a process of the guest` {
    @Test func `tells its exit status and keeps its two outputs apart`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("echo out; echo err >&2; exit 3")
            #expect(story.pid > 1)
            #expect(story.text == "out\n")
            #expect(story.errorText == "err\n")
            #expect(
                story.end
                    == ProcessEvent.End(exitCode: 3, exited: true, status: "exit status 3", error: "exit status 3")
            )
        }
    }

    @Test func `tells which signal ended it`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("kill -TERM $$")
            #expect(
                story.end
                    == ProcessEvent.End(
                        exitCode: -1,
                        exited: false,
                        status: "signal: terminated",
                        error: "signal: terminated"
                    )
            )
        }
    }

    @Test func `gets the guest's variables, then its own, and starts at home`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("echo $GREETING $OWN $E2B_SANDBOX; pwd") {
                $0.process.envs = ["OWN": "1"]
            }
            #expect(story.text == "hello 1 true\n\(agent.home)\n")
        }
    }

    @Test func `is refused in a directory that is not there`() async throws {
        try await RunningAgent.run { agent in
            await #expect(throws: CallError(.invalidArgument, "cwd 'nowhere' does not exist")) {
                try await agent.shell("true") { $0.process.cwd = "nowhere" }
            }
        }
    }

    @Test func `is refused when there is no such program`() async throws {
        try await RunningAgent.run { agent in
            let error = await #expect(throws: CallError.self) {
                try await agent.shell("true") { $0.process.cmd = "no-such-program" }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func `is refused for a user that is not there`() async throws {
        try await RunningAgent.run { agent in
            var calls = agent.calls
            calls.headers["Authorization"] = "Basic " + Data("nobody-here:".utf8).base64EncodedString()
            let asked = calls
            await #expect(throws: CallError(.unauthenticated, "invalid username: 'nobody-here'")) {
                try await asked.call(StatFile.self, StatFile.Request(path: "/"))
            }
        }
    }

    @Test func `reads its input until it is closed`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"))
            let story = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                _ = try await story.read(&events)
                let process = ProcessSelector(pid: story.pid)
                for word in ["one ", "two"] {
                    let input = SendProcessInput.Request(process: process, input: ProcessInput(stdin: Data(word.utf8)))
                    _ = try await agent.calls.call(SendProcessInput.self, input)
                }
                _ = try await agent.calls.call(CloseProcessInput.self, CloseProcessInput.Request(process: process))
                try await story.readAll(&events)
                return story
            }
            #expect(story.text == "one two")
            #expect(story.end?.exitCode == 0)
        }
    }

    @Test func `takes a stream of input message by message`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"), tag: "the cat")
            let story = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                _ = try await story.read(&events)
                let head = RequestHead(
                    method: "POST",
                    target: "/\(StreamProcessInput.name)",
                    headers: RunningAgent.headers
                )
                let status = try await agent.http.send(
                    head,
                    body: .stream(length: nil) { body in
                        let messages = [
                            StreamProcessInput.Message(start: ProcessSelector(tag: "the cat")),
                            StreamProcessInput.Message(input: ProcessInput(stdin: Data("a".utf8))),
                            StreamProcessInput.Message(input: ProcessInput(stdin: Data("b".utf8))),
                        ]
                        for message in messages {
                            try await body.write(Envelope(payload: Array(JSONEncoder().encode(message))).encoded)
                        }
                    }
                ).head.status
                #expect(status == 200)
                try await story.read(&events, until: "ab")
                let signal = SignalProcess.Request(process: ProcessSelector(pid: story.pid), signal: "SIGNAL_SIGTERM")
                _ = try await agent.calls.call(SignalProcess.self, signal)
                try await story.readAll(&events)
                return story
            }
            #expect(story.end?.status == "signal: terminated")
        }
    }

    @Test func `is killed at its deadline with all that it started`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "sleep 1000 & echo $!; wait"])
            )
            let child = try await agent.calls.stream(
                StartProcess.self,
                request,
                headers: ["Connect-Timeout-Ms": "300"]
            ) { events in
                var story = Story()
                let error = await #expect(throws: CallError.self) { try await story.readAll(&events) }
                #expect(error?.code == .deadlineExceeded)
                return Int32(story.text.dropLast())
            }
            let pid = try #require(child)
            try await retrying(every: .milliseconds(5), for: .seconds(20)) { isAlive(pid) ? nil : () }
        }
    }

    @Test func `leaves no child behind when it is killed, though the child holds its output`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "sleep 1000 & echo $!; wait"])
            )
            let child = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                try await story.read(&events, until: "\n")
                let signal = SignalProcess.Request(process: ProcessSelector(pid: story.pid), signal: "SIGNAL_SIGKILL")
                _ = try await agent.calls.call(SignalProcess.self, signal)
                try await story.readAll(&events)
                #expect(story.end?.status == "signal: killed")
                return Int32(story.text.dropLast())
            }
            let pid = try #require(child)
            try await retrying(every: .milliseconds(5), for: .seconds(20)) { isAlive(pid) ? nil : () }
        }
    }

    @Test func `ends when it has ended, though a child goes on with its output`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("sleep 1000 & echo $!")
            #expect(story.end?.exitCode == 0)
            let pid = try #require(Int32(story.text.dropLast()))
            #expect(isAlive(pid))
            kill(pid, SIGKILL)
        }
    }

    @Test func `tells how it ended to one who asks later`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("exit 4")
            let connect = ConnectProcess.Request(process: ProcessSelector(pid: story.pid))
            let later = try await agent.calls.stream(ConnectProcess.self, connect) { events in
                var later = Story()
                try await later.readAll(&events)
                return later
            }
            #expect(later.pid == story.pid)
            #expect(later.end?.exitCode == 4)
            let signal = SignalProcess.Request(process: ProcessSelector(pid: story.pid), signal: "SIGNAL_SIGKILL")
            await #expect(throws: CallError(.notFound, "process with pid \(story.pid) not found")) {
                _ = try await agent.calls.call(SignalProcess.self, signal)
            }
            #expect(try await agent.calls.call(ListProcesses.self, Empty()).processes.isEmpty)
        }
    }

    @Test func `goes on when its listener goes away`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"), tag: "left")
            let pid = try await agent.calls.stream(StartProcess.self, request) { events in
                try await events.next()?.event.start?.pid
            }
            let listed = try await agent.calls.call(ListProcesses.self, Empty()).processes
            #expect(listed.map(\.pid) == [pid])
            #expect(listed.map(\.tag) == ["left"])
        }
    }

    @Test func `is not found under a number that nobody has`() async throws {
        try await RunningAgent.run { agent in
            await #expect(throws: CallError(.notFound, "process with pid 4000000 not found")) {
                let request = CloseProcessInput.Request(process: ProcessSelector(pid: 4_000_000))
                _ = try await agent.calls.call(CloseProcessInput.self, request)
            }
        }
    }

    @Test func `has a terminal of the size that was asked for, and of another when that changes`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "stty size; read line; stty size; tty"]),
                pty: TerminalRequest(size: TerminalSize(cols: 91, rows: 33))
            )
            let story = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                try await story.read(&events, until: "33 91")
                let process = ProcessSelector(pid: story.pid)
                let size = TerminalRequest(size: TerminalSize(cols: 100, rows: 30))
                _ = try await agent.calls.call(UpdateProcess.self, UpdateProcess.Request(process: process, pty: size))
                let wrong = SendProcessInput.Request(process: process, input: ProcessInput(stdin: Data([10])))
                let error = await #expect(throws: CallError.self) {
                    _ = try await agent.calls.call(SendProcessInput.self, wrong)
                }
                #expect(error?.code == .failedPrecondition)
                let right = SendProcessInput.Request(process: process, input: ProcessInput(pty: Data([10])))
                _ = try await agent.calls.call(SendProcessInput.self, right)
                try await story.readAll(&events)
                return story
            }
            let text = String(decoding: story.terminal, as: UTF8.self)
            #expect(text.contains("30 100"))
            #expect(text.contains("/dev/pts/"))
            #expect(story.end?.exitCode == 0)
        }
    }

    @Test func `loses no spooled output to a reader who begins after its end`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(
                    cmd: "/bin/sh",
                    args: ["-c", "head -c 6000000 /dev/zero; echo half >&2; head -c 2000000 /dev/zero; echo done"]
                ),
                stdin: false,
                spool: true
            )
            let pid = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                _ = try await story.read(&events)
                try await retrying(every: .milliseconds(5), for: .seconds(60)) {
                    try await agent.calls.call(ListProcesses.self, Empty()).processes.isEmpty ? () : nil
                }
                try await story.readAll(&events)
                #expect(story.stdout.count == 8_000_005)
                #expect(story.text.hasSuffix("done\n"))
                #expect(story.errorText == "half\n")
                #expect(story.end == ProcessEvent.End(exitCode: 0, exited: true, status: "exit status 0"))
                return story.pid
            }
            let connect = ConnectProcess.Request(process: ProcessSelector(pid: pid))
            let again = try await agent.calls.stream(ConnectProcess.self, connect) { events in
                var story = Story()
                try await story.readAll(&events)
                return story
            }
            #expect(again.stdout.count == 8_000_005)
        }
    }

    @Test func `delivers a large output whole to a reader who takes his time`() async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("head -c 5000000 /dev/zero; echo done")
            #expect(story.stdout.count == 5_000_005)
            #expect(story.end?.exitCode == 0)
        }
    }
}

@Suite struct `live output` {
    private static let chunk = [UInt8](repeating: 1, count: OutputStream.stdout.chunkLimit)
    private static let chunksToFill = LiveOutput.queueLimit / OutputStream.stdout.chunkLimit

    @Test func `cuts off the reader who holds up another one, after what it has`() async throws {
        let output = LiveOutput()
        let quick = output.reader()
        let slow = output.reader()
        for _ in 0..<(Self.chunksToFill + 4) {
            await output.add(.stdout, Self.chunk)
            guard case .chunk = try await quick.next() else { throw CancellationError() }
        }
        for _ in 0..<Self.chunksToFill {
            guard case .chunk = try await slow.next() else { throw CancellationError() }
        }
        let error = await #expect(throws: CallError.self) { _ = try await slow.next() }
        #expect(error?.code == .resourceExhausted)
    }

    @Test func `waits for its only reader and loses nothing`() async throws {
        let output = LiveOutput()
        let reader = output.reader()
        let count = Self.chunksToFill * 3
        async let writing: Void = {
            for _ in 0..<count { await output.add(.stdout, Self.chunk) }
            output.finish()
        }()
        var received = 0
        while case .chunk(let chunk) = try await reader.next() { received += chunk.bytes.count }
        await writing
        #expect(received == count * Self.chunk.count)
    }

    @Test func `goes on when the reader it waits for leaves`() async throws {
        let output = LiveOutput()
        let reader = output.reader()
        for _ in 0..<Self.chunksToFill { await output.add(.stdout, Self.chunk) }
        async let writing: Void = output.add(.stdout, Self.chunk)
        reader.close()
        await writing
    }

    @Test func `shows that it lives when nothing is written`() async throws {
        let output = LiveOutput()
        let reader = output.reader()
        reader.keepAlive()
        guard case .keepalive = try await reader.next() else { throw CancellationError() }
    }
}
