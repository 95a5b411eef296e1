import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

@testable import GuestAgent

@Suite struct `the output of a process` {
    @Test func `comes in one piece when it was written in one`() async throws {
        try await RunningAgent.run { agent in
            let odd = "head -c 8191 /dev/zero | tr '\\0' a; printf '\\342'"
            for (line, size) in [("printf 'Hello, World!'", 13), ("x=$(\(odd)); printf %s \"$x\"", 8192)] {
                let request = StartProcess.Request(process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]))
                let first = try await agent.calls.stream(StartProcess.self, request) { events in
                    _ = try await events.next()
                    return try await events.next()?.event.data?.stdout?.count
                }
                #expect(first == size)
            }
        }
    }

    @Test(arguments: [(false, 32 * 1024), (true, 16 * 1024)])
    func `comes in pieces of a bounded size`(_ hasTerminal: Bool, _ limit: Int) async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "head -c 400000 /dev/zero | tr '\\0' a"]),
                pty: hasTerminal ? TerminalRequest() : nil
            )
            try await agent.calls.stream(StartProcess.self, request) { events in
                var total = 0
                while let event = try await events.next()?.event {
                    let count = event.data.map { ($0.stdout ?? $0.pty)?.count ?? 0 } ?? 0
                    #expect(count <= limit)
                    total += count
                }
                #expect(total == 400_000)
            }
        }
    }

    @Test func `goes to all who listen, and one who does not read holds up nobody`() async throws {
        try await RunningAgent.run { agent in
            let line = "read go; head -c 12000000 /dev/zero; echo done"
            let request = StartProcess.Request(process: ProcessConfig(cmd: "/bin/sh", args: ["-c", line]))
            try await agent.calls.stream(StartProcess.self, request) { stalled in
                let pid = try #require(try await stalled.next()?.event.start?.pid)
                let process = ProcessSelector(pid: pid)
                let connect = ConnectProcess.Request(process: process)
                let heard = try await agent.calls.stream(ConnectProcess.self, connect) { events in
                    var story = Story()
                    #expect(try await story.read(&events))
                    #expect(story.pid == pid)
                    let input = SendProcessInput.Request(process: process, input: ProcessInput(stdin: Data("\n".utf8)))
                    _ = try await agent.calls.call(SendProcessInput.self, input)
                    try await story.readAll(&events)
                    return story
                }
                #expect(heard.stdout.count == 12_000_005)
                #expect(heard.end?.exitCode == 0)
            }
        }
    }

    @Test func `is not told again to one who comes later`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "echo early; read go; echo late"])
            )
            let pid = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                try await story.read(&events, until: "early\n")
                return story.pid
            }
            let process = ProcessSelector(pid: pid)
            let later = try await agent.calls.stream(ConnectProcess.self, .init(process: process)) { events in
                var story = Story()
                _ = try await story.read(&events)
                let input = SendProcessInput.Request(process: process, input: ProcessInput(stdin: Data("\n".utf8)))
                _ = try await agent.calls.call(SendProcessInput.self, input)
                try await story.readAll(&events)
                return story
            }
            #expect(later.text == "late\n")
            #expect(later.end?.exitCode == 0)
        }
    }

    @Test func `ends with SIGTERM, though a grandchild holds it`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(
                process: ProcessConfig(cmd: "/bin/sh", args: ["-c", "sleep 1000 & echo $!; wait"])
            )
            let story = try await agent.calls.stream(StartProcess.self, request) { events in
                var story = Story()
                try await story.read(&events, until: "\n")
                let signal = SignalProcess.Request(process: ProcessSelector(pid: story.pid), signal: "SIGNAL_SIGTERM")
                _ = try await agent.calls.call(SignalProcess.self, signal)
                try await story.readAll(&events)
                return story
            }
            #expect(story.end?.status == "signal: terminated")
            kill(try #require(Int32(story.text.dropLast())), SIGKILL)
        }
    }

    @Test func `is over, and its process gone, when the call that kills it returns`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"), pty: TerminalRequest())
            try await agent.calls.stream(StartProcess.self, request) { events in
                let pid = try #require(try await events.next()?.event.start?.pid)
                let signal = SignalProcess.Request(process: ProcessSelector(pid: pid), signal: "SIGNAL_SIGKILL")
                _ = try await agent.calls.call(SignalProcess.self, signal)
                #expect(kill(Int32(pid), 0) == -1 && errno == ESRCH)
            }
        }
    }

    @Test func `can be heard for a limited time without ending the process`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "cat"))
            let pid = try await agent.calls.stream(StartProcess.self, request) { events in
                try #require(try await events.next()?.event.start?.pid)
            }
            let error = await #expect(throws: CallError.self) {
                try await agent.calls.stream(
                    ConnectProcess.self,
                    .init(process: ProcessSelector(pid: pid)),
                    headers: ["Connect-Timeout-Ms": "50"]
                ) { events in
                    while try await events.next() != nil {}
                }
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(try await agent.calls.call(ListProcesses.self, Empty()).processes.map(\.pid) == [pid])
        }
    }
}

@Suite struct `the input of a process` {
    @Test(arguments: [(false as Bool?, "/dev/null"), (true, "pipe:"), (nil, "pipe:")])
    func `is a pipe unless it is not wanted`(_ stdin: Bool?, _ expected: String) async throws {
        try await RunningAgent.run { agent in
            let story = try await agent.shell("readlink /proc/self/fd/0") { $0.stdin = stdin }
            #expect(story.text.hasPrefix(expected))
        }
    }

    @Test func `makes a writer wait no longer than he wants to, and nobody behind him`() async throws {
        try await RunningAgent.run { agent in
            let request = StartProcess.Request(process: ProcessConfig(cmd: "sleep", args: ["1000"]))
            try await agent.calls.stream(StartProcess.self, request) { events in
                let process = ProcessSelector(pid: try #require(try await events.next()?.event.start?.pid))
                let input = SendProcessInput.Request(
                    process: process,
                    input: ProcessInput(stdin: Data(repeating: 0x61, count: 200_000))
                )
                let hasty = CallClient(
                    http: agent.http,
                    headers: RunningAgent.headers.adding(["Connect-Timeout-Ms": "50"])
                )
                for _ in 0..<2 {
                    let error = await #expect(throws: CallError.self) {
                        _ = try await hasty.call(SendProcessInput.self, input)
                    }
                    #expect(error?.code == .deadlineExceeded)
                }
                // One who goes away lets the next have his turn.
                await #expect(throws: DeadlineExceeded.self) {
                    try await withDeadline(.milliseconds(50)) {
                        _ = try await agent.calls.call(SendProcessInput.self, input)
                    }
                }
                _ = try await agent.calls.call(CloseProcessInput.self, CloseProcessInput.Request(process: process))
            }
        }
    }

    @Test func `of a process without one, or with a terminal, takes nothing that is not for it`() async throws {
        try await RunningAgent.run { agent in
            let cat = ProcessConfig(cmd: "sleep", args: ["1000"])
            for request in [StartProcess.Request(process: cat, stdin: false), .init(process: cat, stdin: true)] {
                try await agent.calls.stream(StartProcess.self, request) { events in
                    let process = ProcessSelector(pid: try #require(try await events.next()?.event.start?.pid))
                    let wrong = SendProcessInput.Request(process: process, input: ProcessInput(pty: Data([10])))
                    let error = await #expect(throws: CallError.self) {
                        _ = try await agent.calls.call(SendProcessInput.self, wrong)
                    }
                    #expect(error?.code == .failedPrecondition)
                }
            }
            let terminal = StartProcess.Request(process: cat, pty: TerminalRequest())
            try await agent.calls.stream(StartProcess.self, terminal) { events in
                let process = ProcessSelector(pid: try #require(try await events.next()?.event.start?.pid))
                let error = await #expect(throws: CallError.self) {
                    _ = try await agent.calls.call(CloseProcessInput.self, .init(process: process))
                }
                #expect(error?.code == .failedPrecondition)
            }
        }
    }

    @Test func `leaves nothing of its variables to later ones`() async throws {
        try await RunningAgent.run { agent in
            _ = try await agent.shell("export OTHER=1") { $0.process.envs = ["OWN": "1"] }
            #expect(try await agent.shell("echo \"[$OWN$OTHER]\" $LOGNAME $USER $HOME").text.hasPrefix("[] "))
            // Who must not lack them: `bash -l` reads its files from HOME.
            let story = try await agent.shell("env")
            for name in ["PATH", "HOME", "USER", "LOGNAME", "E2B_SANDBOX"] {
                #expect(story.text.split(separator: "\n").contains { $0.hasPrefix("\(name)=") })
            }
        }
    }
}
