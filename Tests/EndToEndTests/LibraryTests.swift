import ClaudeAgent
import Linux
import Martlet
import Records
import Synchronization
import Testing
import Wire

extension Martlet {
    /// What programs in Swift do with sandboxes, by the library alone.
    @Suite struct `a sandbox from Swift` {
        private func daemon() throws -> Daemon { Daemon(home: try shared().home.path) }

        @Test func `runs programs, has files, terminals and repositories, and ends`() async throws {
            let daemon = try daemon()
            let id = try await Installation.slots.withPermit {
                try await Sandbox.with("claude", on: daemon) { sandbox in
                    try await sandbox.files.write("pear", to: "fruit/one.txt")
                    #expect(try await sandbox.commands.run("cat fruit/one.txt; exit 3") == .init(pear: 3))
                    #expect(try await sandbox.commands.run(["cat"], input: Array("a $b".utf8)).output == "a $b")
                    #expect(try await sandbox.files.readText("fruit/one.txt") == "pear")
                    #expect(try await sandbox.files.list("fruit").map(\.name) == ["one.txt"])
                    #expect(try await !sandbox.files.exists("fruit/two.txt"))

                    try await sandbox.git.begin(in: "fruit")
                    try await sandbox.files.write("plum\n", to: "fruit/two.txt")
                    #expect(try await sandbox.git.diff(in: "fruit").contains("+plum"))
                    await #expect(throws: MartletError.self) { try await sandbox.git.run(["diff"], in: "nowhere") }

                    let size = try await sandbox.pty.open(slug: "main", columns: 123, rows: 45) { terminal in
                        try await terminal.write("stty size\r")
                        var shown = ""
                        while !shown.contains("45 123"), let event = try await terminal.next() {
                            if case .output(let bytes) = event { shown += String(decoding: bytes, as: UTF8.self) }
                        }
                        return shown
                    }
                    #expect(size.contains("45 123"))
                    let session = try #require(try await sandbox.pty.list().first)
                    #expect(session.slug == "main" && session.state == .running && session.cols == 123)
                    #expect(try await sandbox.pty.close("main").state == .exited)

                    #expect(try await Sandbox.list(on: daemon).contains { $0.id == sandbox.id })
                    #expect(try await Sandbox.connect(sandbox.id, on: daemon).id == sandbox.id)
                    return sandbox.id
                }
            }
            let error = await #expect(throws: MartletError.self) { try await Sandbox.connect(id, on: daemon) }
            #expect(error?.code == .notFound)
        }

        @Test func `has an agent in it that asks before it acts`() async throws {
            let martlet = try shared()
            let daemon = try daemon()
            let script = Say.steps(Say.bash("touch made && ls"), Say.text("done"))
            let headers = "\(Model.header): \(try martlet.model.add(script))"
            let asked = Mutex<[String]>([])
            try await Installation.slots.withPermit {
                var options = AgentOptions(sandbox: .template("claude")) { request in
                    asked.withLock { $0.append(request.toolName) }
                    return .allow()
                }
                options.transport = SandboxTransport(.template("claude"), on: daemon)
                options.environment = ["ANTHROPIC_CUSTOM_HEADERS": headers]
                let result = try await query("Go", options: options).result()
                #expect(result.text == "done" && result.isSuccess)
                #expect(asked.withLock { $0 } == ["Bash"])
            }
        }

        @Test func `says that there is no daemon`() async throws {
            let error = await #expect(throws: MartletError.self) {
                try await Sandbox.list(on: Daemon(home: "/nowhere"))
            }
            #expect(error?.code == .daemonUnreachable)
            #expect(throws: MartletError.self) { try Daemon(url: "ftp://127.0.0.1", key: nil) }
        }
    }
}

extension CommandResult {
    /// The fruit of the test, and a status.
    fileprivate init(pear code: Int32) {
        self.init()
        outputBytes = Array("pear".utf8)
        exitCode = code
    }
}
