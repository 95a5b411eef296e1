import Glibc
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a terminal in a sandbox` {
        /// The sandbox about which a test noted its name.
        private func sandbox(_ martlet: Installation, noted name: String) async throws -> SandboxInfo? {
            try await martlet.sandboxes().first { $0.metadata["test"] == name }
        }

        private func isForgotten(_ martlet: Installation, noted name: String) async throws {
            try await retrying(every: .milliseconds(20), for: .seconds(120)) {
                try await sandbox(martlet, noted: name) == nil ? () : nil
            }
        }

        @Test func `has the person's size and keys, and ends with its shell`() async throws {
            let installation = try shared()
            try await Installation.slots.withPermit {
                let line = ["sandbox", "create", "--metadata", "test=shell", "-e", "FRUIT=a pear", "-c", "/usr"]
                let status = try await installation.atTerminal(line) { terminal in
                    try await terminal.shows("this is sandbox")
                    try await terminal.shows("$ ")
                    #expect(!terminal.isCooked)
                    try await terminal.types("echo \"$(stty size) $TERM $(pwd) $FRUIT\"\r")
                    try await terminal.shows("30 100 xterm /usr a pear")

                    terminal.resize(columns: 132, rows: 43)
                    try await terminal.types(
                        "until [ \"$(stty size)\" = '43 132' ]; do sleep 0.05; done; echo siz''ed\r"
                    )
                    try await terminal.shows("sized")

                    // Ctrl-C is the program's, and not ours. It speaks itself, so that it is there.
                    try await terminal.types("sh -c 'echo slee\"\"ping; exec sleep 1000'\r")
                    try await terminal.shows("sleeping")
                    try await terminal.types("\u{3}")
                    try await terminal.shows("$ ")
                    try await terminal.types("echo \"it was $?\"\r")
                    try await terminal.shows("it was 130")

                    // A tilde elsewhere is one.
                    try await terminal.types("echo a~.''b\r")
                    try await terminal.shows("a~.b")
                    try await terminal.types("exit 3\r")
                    try await terminal.shows("ended with status 3")
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(status == .exited(3))
                #expect(try await sandbox(installation, noted: "shell") == nil)
            }
        }

        @Test func `is left with '~.' and found again as it was`() async throws {
            let installation = try shared()
            try await Installation.slots.withPermit {
                let line = ["sbx", "cr", "--metadata", "test=left"]
                let left = try await installation.atTerminal(line) { terminal in
                    try await terminal.shows("$ ")
                    try await terminal.types("fruit=pear; echo rea''dy\r")
                    try await terminal.shows("ready")
                    try await terminal.shows("$ ")
                    try await terminal.types("~.")
                    try await terminal.shows("comes back to this shell")
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(left == .exited(0))
                let sandbox = try #require(try await sandbox(installation, noted: "left"))
                #expect(sandbox.ends == nil)
                var client = installation.client
                client.headers[SandboxHeaders.id] = sandbox.id
                client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
                let shells = try await client.call(ListProcesses.self, Empty()).processes
                let pid = try #require(shells.first { $0.config.cmd == "/bin/bash" }).pid
                let status = try await installation.atTerminal([
                    "sandbox", "connect", "--process", "\(pid)", sandbox.id,
                ]) { terminal in
                    try await terminal.shows("this is sandbox")
                    try await terminal.types("echo \"one $fruit\"; exit\r")
                    try await terminal.shows("one pear")
                }
                #expect(status == .exited(0))
                // It was made with `create`, but is only visited now.
                #expect(try await self.sandbox(installation, noted: "left") != nil)
                try await installation.martlet(["sandbox", "kill", "--all", "--metadata", "test=left"])
                #expect(try await self.sandbox(installation, noted: "left") == nil)
            }
        }

        @Test(arguments: [SIGTERM, SIGHUP]) func `is put back and ends its sandbox on a signal`(
            _ signal: Int32
        ) async throws {
            let installation = try shared()
            try await Installation.slots.withPermit {
                let line = ["sandbox", "create", "--metadata", "test=signal-\(signal)"]
                let status = try await installation.atTerminal(line) { terminal in
                    try await terminal.shows("$ ")
                    terminal.child.send(signal)
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(status == .exited(128 + signal))
                #expect(try await sandbox(installation, noted: "signal-\(signal)") == nil)
            }
        }

        @Test func `is put back after a crash, and its sandbox ends by itself`() async throws {
            let installation = try shared()
            try await Installation.slots.withPermit {
                let line = ["sandbox", "create", "--timeout", "12s", "--metadata", "test=crash"]
                let status = try await installation.atTerminal(line) { terminal in
                    try await terminal.shows("$ ")
                    // Longer than the sandbox would live if nobody prolonged its life.
                    try await terminal.types("sleep 13; echo sle''pt\r")
                    try await terminal.shows("slept")
                    terminal.child.send(SIGSEGV)
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(status == .signalled(SIGSEGV))
                try await isForgotten(installation, noted: "crash")
            }
        }

        @Test func `tells of the sandbox's end`() async throws {
            let installation = try shared()
            try await Installation.slots.withPermit {
                let line = ["sandbox", "create", "--metadata", "test=ended"]
                let status = try await installation.atTerminal(line) { terminal in
                    try await terminal.shows("$ ")
                    try await installation.martlet(["sandbox", "kill", "--all", "-m", "test=ended"])
                    try await terminal.shows("ended before 'the shell' did")
                    _ = try await terminal.child.exit.value()
                    #expect(terminal.isCooked)
                }
                #expect(status == .exited(1))
            }
        }

        @Test func `needs a person`() async throws {
            let installation = try shared()
            for words in [["sandbox", "create"], ["sandbox", "connect", "i1234"]] {
                let refused = try await installation.martlet(words)
                #expect(refused.status == .exited(2))
                #expect(refused.errorText.contains("no terminal"), "\(refused.errorText)")
            }
        }
    }
}
