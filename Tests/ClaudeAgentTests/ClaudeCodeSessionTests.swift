import ClaudeAgent
import Linux
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: ClaudeCode.isThere, ClaudeCode.absence), .serialized)
struct `a session with Claude Code` {
    @Test func `goes on over several prompts, resumes and forks`() async throws {
        try await ClaudeCode.with([["text": "one"], ["text": "two"], ["text": "three"], ["text": "four"]]) { claude in
            let id = try await AgentSession.with(claude.options) { session in
                #expect(session.information["pid"]?.integer != nil)
                #expect(try await session.ask("1").text == "one")
                let prompt = try await session.send("2")
                for try await message in session.messages {
                    guard case .result(let result) = message else { continue }
                    #expect(result.text == "two")
                    _ = prompt
                    break
                }
                return try #require(session.id)
            }
            var options = claude.options
            options.session = .resumed(id)
            let resumed = try await query("3", options: options).result()
            #expect(resumed.text == "three" && resumed.sessionID == id)
            options.session = .resumed(id, fork: true)
            let forked = try await query("4", options: options).result()
            #expect(forked.text == "four" && forked.sessionID != id)
            options.session = .latest()
            #expect(try await query("5", options: options).result().isSuccess)
        }
    }

    @Test func `says that there is nothing to resume`() async throws {
        try await ClaudeCode.with([["text": "never"]]) { claude in
            var options = claude.options
            options.session = .resumed("00000000-0000-4000-8000-000000000000")
            let (_, error) = await query("Go", options: options).all()
            #expect(error?.exit == .exited(1))
            #expect(error.map { "\($0)" }?.contains("No conversation found") == true, "\(String(describing: error))")
        }
    }

    @Test func `changes its model and its mode, and is interrupted`() async throws {
        let script: JSONValue = [
            ["text": "one"], ClaudeCode.step("Bash", ["command": "touch begun; tail -f /dev/null"]), ["text": "three"],
        ]
        try await ClaudeCode.with(script) { claude in
            var options = claude.options
            options.extraArguments = ["--allow-dangerously-skip-permissions"]
            try await AgentSession.with(options) { session in
                try await session.setModel("claude-sonnet-test")
                try await session.setPermissionMode(.bypassPermissions)
                var models: Set<String> = []
                for try await message in try await session.turn("1") {
                    if case .assistant(let message) = message, let model = message.model { models.insert(model) }
                }
                #expect(models == ["claude-sonnet-test"])
                #expect(try await session.mcpStatus()["mcpServers"] == [])
                #expect(try await session.contextUsage().object?.isEmpty == false)

                var last: ResultMessage?
                for try await message in try await session.turn("2") {
                    if case .assistant(let message) = message, !message.content.isEmpty {
                        try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                            claude.exists("begun") ? () : nil
                        }
                        try await session.interrupt()
                    }
                    if case .result(let result) = message { last = result }
                }
                #expect(last?.subtype == .duringExecution)
                #expect(try await session.ask("3").text == "three")
                let error = await #expect(throws: AgentError.self) { try await session.request("make_coffee") }
                #expect(error?.code == .refused)
            }
        }
    }

    @Test func `ends when it is closed in the middle`() async throws {
        try await ClaudeCode.with([["text": "late", "delay": 60]]) { claude in
            var options = claude.options
            options.limits.closing = .milliseconds(200)
            let session = try await AgentSession.open(options)
            let pid = try #require(session.information["pid"]?.integer)
            try await session.send("Go")
            await session.close()
            #expect(!Files.exists("/proc/\(pid)"))
            for try await message in session.messages { if case .result = message { Issue.record("\(message)") } }
            await #expect(throws: AgentError.self) { try await session.send("More") }
        }
    }

    @Test func `leaves no file and no process behind`() async throws {
        try await ClaudeCode.with([["text": "late", "delay": 60]]) { claude in
            var options = claude.options
            options.limits.closing = .milliseconds(200)
            options.settings = ["env": ["TOKEN": "secret"]]
            let pid = Mutex<Int64?>(nil)
            let begun = Latch<Void>()
            let task = Task { [options] in
                for try await message in query("Go", options: options) {
                    if case .started = message { begun.set(()) }
                }
            }
            try await begun.value()
            // The settings are in a file, and not in the list of processes.
            for number in ProcessHandle.all() {
                guard let words = try? Files.read("/proc/\(number)/cmdline"),
                    let line = String(validating: words, as: UTF8.self),
                    line.contains(ClaudeCode.binary ?? "?"),
                    let cwd = Files.linkTarget("/proc/\(number)/cwd"), cwd == claude.work
                else { continue }
                pid.withLock { $0 = Int64(number) }
                #expect(line.contains("--settings=/") && !line.contains("secret"))
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let number = try #require(pid.withLock { $0 })
            #expect(!Files.exists("/proc/\(number)"))
        }
    }

    @Test func `says what is missing where there is no Claude Code`() async {
        var options = AgentOptions()
        options.transport = LocalTransport(executable: "/nowhere/claude")
        let error = await query("Go", options: options).all().error
        #expect(error?.code == .programNotFound && error?.message.contains("/nowhere/claude") == true)
    }
}
