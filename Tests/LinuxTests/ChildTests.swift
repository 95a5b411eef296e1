import Glibc
import Synchronization
import Testing

@testable import Linux

private struct Ended: Sendable {
    let number: Int
    let status: Linux.ExitStatus
}

@Suite struct `a child` {
    @Test func `tells how it ended`() async throws {
        #expect(try await ChildProcess.start(shell("exit 7")).exit.value() == .exited(7))
        #expect(try await ChildProcess.start(shell("kill -TERM $$")).exit.value() == .signalled(SIGTERM))
        let child = try ChildProcess.start(shell("exec sleep 1000"))
        child.send(SIGKILL)
        #expect(try await child.exit.value() == .signalled(SIGKILL))
        child.send(SIGKILL)
        #expect(Linux.ExitStatus.signalled(9).shellStatus == 137)
    }

    @Test func `ends on SIGTERM, or on SIGKILL when that is not enough`() async throws {
        #expect(
            try await ChildProcess.start(shell("exec sleep 1000")).terminate(grace: .seconds(60)) == .signalled(SIGTERM)
        )
        let ready = try Descriptor.pipe()
        let spawn = try shell("trap '' TERM; echo; exec sleep 1000", output: ready.writing)
        let child = try ChildProcess.start(spawn)
        let output = try Channel(ready.reading)
        _ = try await output.read()
        #expect(try await child.terminate(grace: .milliseconds(20)) == .signalled(SIGKILL))
    }

    @Test func `that can not be started says at which step`() throws {
        var spawn = try shell("")
        spawn.path = "/nowhere/program"
        var error = #expect(throws: SpawnError.self) { try ChildProcess.start(spawn) }
        #expect(error?.stage == .execute && error?.code == .notFound)
        #expect(error?.message == "Could not start '/nowhere/program': No such file or directory")

        spawn = try shell("")
        spawn.directory = "/nowhere"
        error = #expect(throws: SpawnError.self) { try ChildProcess.start(spawn) }
        #expect(error?.stage == .directory && error?.code == .notFound)
        #expect(error?.message.contains("'/nowhere'") == true)

        spawn = try shell("")
        spawn.arguments.append(String(repeating: "a", count: 200_000))
        error = #expect(throws: SpawnError.self) { try ChildProcess.start(spawn) }
        #expect(error?.stage == .execute && error?.message.contains("larger than Linux allows") == true)

        spawn = try shell("")
        spawn.output.close()
        error = #expect(throws: SpawnError.self) { try ChildProcess.start(spawn) }
        #expect(error?.stage == .descriptors)

        spawn = try shell("")
        spawn.takesTerminal = true
        spawn.startsSession = true
        error = #expect(throws: SpawnError.self) { try ChildProcess.start(spawn) }
        #expect(error?.stage == .terminal)
    }

    @Test func `is one of two hundred, and none is lost or mixed up`() async throws {
        try await withThrowingTaskGroup(of: Ended.self) { group in
            for number in 0..<200 {
                group.addTask {
                    Ended(number: number, status: try await ChildProcess.start(shell("exit \(number)")).exit.value())
                }
            }
            for try await ended in group { #expect(ended.status == .exited(Int32(ended.number))) }
        }
    }

    @Test func `is waited for no longer than its waiter wants`() async throws {
        let child = try ChildProcess.start(shell("exec sleep 1000"))
        #expect(await whatCancellingThrows { try await child.exit.value() } is CancellationError)
        child.send(SIGKILL)
        _ = try await child.exit.value()
    }
}

@Suite struct `a process that is not our child` {
    @Test func `is found again by number and start, and told when it ends`() async throws {
        // The shell's own child: ours only by descent.
        let pipe = try Descriptor.pipe()
        let parent = try ChildProcess.start(shell("sleep 1000 & echo $!; wait", output: pipe.writing))
        let output = try Channel(pipe.reading)
        let text = String(decoding: try await output.read(), as: UTF8.self)
        let pid = try #require(Int32(text.split(separator: "\n").first ?? ""))
        let identity = try #require(ProcessHandle.Identity(pid: pid))
        let handle = try #require(ProcessHandle(identity))
        #expect(handle.ended.current == nil)
        handle.send(SIGKILL)
        try await handle.ended.value()
        _ = try await parent.exit.value()
        #expect(ProcessHandle(identity) == nil)
    }

    @Test func `is not taken for a later one with its number`() throws {
        let mine = try #require(ProcessHandle.Identity(pid: getpid()))
        #expect(ProcessHandle(mine) != nil)
        #expect(ProcessHandle.Identity(pid: Int32.max) == nil)
        #expect(ProcessHandle.Identity(pid: 1) != mine)
    }
}

@Suite struct `a program` {
    @Test func `gives all it wrote, its status, and each line as it comes`() async throws {
        let lines = Mutex<[String]>([])
        let program = try Program(
            "sh",
            ["-c", "read x; echo \"got $x\"; echo oops >&2; printf last; exit 3"],
            input: Array("in\n".utf8)
        )
        let output = try await program.run { line in lines.withLock { $0.append(line) } }
        #expect(output.status == .exited(3))
        #expect(output.text == "got in\nlast")
        #expect(output.errorText == "oops\n")
        #expect(lines.withLock { $0.sorted() } == ["got in", "last", "oops"])
    }

    @Test func `may end without reading its input, or read more than a pipe holds`() async throws {
        let input = [UInt8](repeating: 65, count: 3_000_000)
        #expect(try await Program("true", [], input: input).run().status.isSuccess)
        #expect(try await Program("cat", [], input: input).run().output == input)
    }

    @Test func `runs where it is told to, with nothing of our secrets`() async throws {
        let output = try await Program("sh", ["-c", "pwd; env"], directory: "/usr").run()
        #expect(output.text.hasPrefix("/usr\n"))
        #expect(!output.text.contains("API_KEY"))
    }

    @Test func `that is missing is named`() async throws {
        let error = #expect(throws: LinuxError.self) { try Program("no-such-program", []) }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("'no-such-program'") == true)
        // A directory may be entered, not run.
        #expect(Program.find("/usr/bin") == nil)
        #expect(Program.find("bin", path: "/usr") == nil)
        #expect(Program.find("sh") != nil)
    }

    @Test func `dies with all it started when its task is cancelled`() async throws {
        let pids = Mutex<[Int32]>([])
        let known = Latch<Void>()
        let task = Task {
            try await Program("sh", ["-c", "sleep 1000 & echo $!; echo $$; wait"]).run { line in
                let count = pids.withLock { pids in
                    pids.append(Int32(line) ?? -1)
                    return pids.count
                }
                if count == 2 { known.set(()) }
            }
        }
        try await known.value()
        // Held before the kill, so that the end can be awaited and the numbers can not be others'.
        let handles = pids.withLock { $0 }.compactMap { ProcessHandle.Identity(pid: $0).flatMap(ProcessHandle.init) }
        #expect(handles.count == 2)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        for handle in handles { try await handle.ended.value() }
    }

    @Test func `leaves no descriptor open`() async {
        // In a process of its own, where nothing else opens any.
        await #expect(processExitsWith: .success) {
            _ = try await Program("true", []).run()
            let before = Files.list("/proc/self/fd")
            for _ in 0..<20 {
                _ = try await Program("sh", ["-c", "echo; exit 1"], input: [1]).run()
                var spawn = try shell("")
                spawn.path = "/nowhere"
                _ = try? ChildProcess.start(spawn)
                _ = try? await Channel.connect(to: .unix("/nowhere"))
                let (one, _) = try socketPair()
                _ = try await one.read()
            }
            // The runtime keeps a few of its own; a leak would be twenty.
            let closed: Bool? = try await retrying(every: .milliseconds(5), for: .seconds(20)) {
                Files.list("/proc/self/fd").count < before.count + 10 ? true : nil
            }
            exit(closed == true ? 0 : 1)
        }
    }
}

@Suite struct `a file` {
    @Test func `is written whole or not at all`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/a"
            try Files.write(Array("one".utf8), to: path)
            try Files.write(Array("two".utf8), to: path)
            #expect(try Files.read(path) == Array("two".utf8))
            #expect(Files.list(folder) == ["a"])
            let error = #expect(throws: LinuxError.self) { try Files.write([], to: "\(folder)/missing/a") }
            #expect(error?.code == .notFound)
        }
    }

    @Test func `is listed by its whole name, and removed with its folder but not through links`() async throws {
        try await withFolder { folder in
            let long = String(repeating: "n", count: 255)
            try Files.makeDirectory("\(folder)/in/deep")
            try Files.write([], to: "\(folder)/keep")
            symlink("\(folder)/keep", "\(folder)/in/link")
            _ = try Descriptor.open("\(folder)/in/\(long)", O_CREAT | O_WRONLY)
            #expect(Files.list("\(folder)/in") == ["deep", "link", long])
            try Files.remove("\(folder)/in")
            try Files.remove("\(folder)/in")
            #expect(Files.list(folder) == ["keep"])
        }
    }

    @Test func `is locked by one at a time`() async throws {
        try await withFolder { folder in
            let held = try #require(try Files.lock("\(folder)/l"))
            #expect(try Files.lock("\(folder)/l") == nil)
            held.close()
            #expect(try Files.lock("\(folder)/l") != nil)
        }
    }
}
