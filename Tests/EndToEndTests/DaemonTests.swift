import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `the daemon's end` {
    /// Makes a sandbox with something in its memory that no template has.
    private func marked(_ martlet: Installation) async throws -> SandboxInfo {
        let sandbox = try await martlet.client.call(
            CreateSandbox.self,
            .init(template: "claude", metadata: ["a": "b c"])
        )
        let written = try await martlet.exec(sandbox, "sh", "-c", "echo here > /dev/shm/mark")
        #expect(written.status == .exited(0), "\(written.errorText)")
        return sandbox
    }

    /// Expects the daemon to have found a sandbox again, as it was, and nothing else.
    private func expectFound(_ sandbox: SandboxInfo, _ martlet: Installation) async throws {
        let found = try await martlet.sandboxes()
        #expect(found == [sandbox], "\(found)")
        #expect(try await martlet.exec(sandbox, "cat", "/dev/shm/mark").text == "here\n")
    }

    @Test func `by SIGKILL or SIGTERM leaves sandboxes for the next daemon`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "2"])
                let sandbox = try await marked(martlet)
                try await martlet.endDaemon(SIGKILL)
                // The socket's file is left behind, and is in nobody's way.
                #expect(Files.exists(martlet.home.socket))
                try await martlet.start(["--pool", "0"])
                try await expectFound(sandbox, martlet)
                // What waited for the first daemon waits for nobody.
                #expect(Files.list(martlet.home.machines).count == 1)
                #expect(martlet.machines().map(\.pid) == [sandbox.processID])

                try await martlet.endDaemon(SIGTERM)
                #expect(!Files.exists(martlet.home.socket) && !Files.exists(martlet.home.daemonFile))
                #expect(martlet.machines().map(\.pid) == [sandbox.processID])
                try await martlet.start(["--pool", "0"])
                try await expectFound(sandbox, martlet)
                #expect(try await martlet.martlet(["kill", sandbox.id]).status == .exited(0))
                #expect(martlet.machines().isEmpty)
            }
        }
    }

    @Test func `by a command ends sandboxes, unless it is told to keep them`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "1"])
                let sandbox = try await marked(martlet)
                let kept = try await martlet.martlet(["shutdown", "--keep-sandboxes"])
                #expect(kept.status == .exited(0), "\(kept.errorText)")
                #expect(martlet.machines().map(\.pid) == [sandbox.processID])
                #expect(try await martlet.martlet(["status"]).status == .exited(1))

                try await martlet.start(["--pool", "1"])
                try await expectFound(sandbox, martlet)
                let ended = try await martlet.martlet(["shutdown"])
                #expect(ended.status == .exited(0), "\(ended.errorText)")
                #expect(martlet.machines().isEmpty)
                #expect(Files.list(martlet.home.machines).isEmpty)
                #expect(try await martlet.martlet(["shutdown"]).status == .exited(0))
            }
        }
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGINT])
    func `in the middle of a create leaves nothing of it`(_ signal: Int32) async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let (output, _) = try await martlet.martlet(live: ["create"]) { _ in
                    try await retrying(every: .milliseconds(2), for: .seconds(120)) {
                        martlet.machines().isEmpty ? nil : ()
                    }
                    try await martlet.endDaemon(signal)
                }
                #expect(output.status == .exited(1), "\(output.text)")
                #expect(output.errorText.hasPrefix("martlet: "), "\(output.errorText)")
                // Only a daemon that could not clean up leaves that to the next one.
                if signal != SIGKILL {
                    try await retrying(every: .milliseconds(10), for: .seconds(120)) {
                        martlet.machines().isEmpty ? () : nil
                    }
                }
                try await martlet.start(["--pool", "0"])
                #expect(try await martlet.sandboxes().isEmpty)
                #expect(martlet.machines().isEmpty)
                #expect(Files.list(martlet.home.machines).isEmpty)
            }
        }
    }

    @Test func `and a template that was removed meanwhile do not end its sandboxes`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await marked(martlet)
                #expect(try await martlet.martlet(["template", "rm", "claude"]).status == .exited(0))
                #expect(try await martlet.exec(sandbox, "cat", "/dev/shm/mark").text == "here\n")
                try await martlet.endDaemon(SIGTERM)
                try await martlet.start(["--pool", "0"])
                try await expectFound(sandbox, martlet)
            }
        }
    }

    @Test func `is forgotten with a sandbox whose machine ended meanwhile`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await marked(martlet)
                try await martlet.endDaemon(SIGKILL)
                let handle = try #require(ProcessHandle.Identity(pid: sandbox.processID).flatMap { ProcessHandle($0) })
                handle.send(SIGKILL)
                try await handle.ended.value()
                try await martlet.start(["--pool", "0"])
                #expect(try await martlet.sandboxes().isEmpty)
                #expect(Files.list(martlet.home.machines).isEmpty)
                #expect(martlet.daemonLog.contains("lost 1"), "\(martlet.daemonLog)")
            }
        }
    }
}

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `the daemon's start` {
    @Test func `says that a port is in use`() async throws {
        let taken = try Listener(.loopback(0))
        defer { taken.close() }
        guard case .tcp(_, let port) = taken.address else { return }
        try await Installation.with(starts: false) { martlet in
            let refused = try await martlet.martlet(["serve", "--port", "\(port)"])
            #expect(refused.status == .exited(1))
            #expect(
                refused.errorText.contains("Port \(port)") && refused.errorText.contains("--port"),
                "\(refused.errorText)"
            )
        }
    }

    @Test func `is nobody's concern: a command starts one, on a free port, with a home of any length`() async throws {
        // Whether it is this test or someone else who has the usual port: it is taken.
        let usual = try? Listener(.loopback(3000))
        defer { usual?.close() }
        try await Installation.with(starts: false) { martlet in
            let home = Home(
                "\(martlet.root)/work/"
                    + (1...4).map { "\($0)\(String(repeating: "é,", count: 20))" }.joined(separator: "/")
            )
            #expect(home.socket.utf8.count > 200)
            let variables = ["MARTLET_HOME": home.path]
            let listed = try await martlet.martlet(["ls"], variables: variables)
            #expect(listed.status == .exited(0), "\(listed.errorText)")
            let status = try await martlet.martlet(["status", "--output", "json"], variables: variables)
            let url = try JSONValue(parsing: status.output)["url"]?.string ?? ""
            #expect(url.hasPrefix("http://127.0.0.1:") && !url.hasSuffix(":3000"), "\(url)")

            // Without a template a create says how to come by one; with it, it works here too.
            let lacking = try await martlet.martlet(["create"], variables: variables)
            #expect(lacking.status == .exited(1))
            #expect(lacking.errorText.contains("martlet template build claude"), "\(lacking.errorText)")
            try await Program("cp", ["-al", martlet.home.templates, home.path]).succeed()
            try await Installation.slots.withPermit {
                let made = try await martlet.martlet(["create"], variables: variables)
                #expect(made.status == .exited(0), "\(made.errorText)")
                let id = made.text.filter { !$0.isWhitespace }
                let answer = try await martlet.martlet(["exec", id, "hostname"], variables: variables)
                #expect(answer.text == "\(id)\n", "\(answer.errorText)")
            }
            let ended = try await martlet.martlet(["shutdown"], variables: variables)
            #expect(ended.status == .exited(0), "\(ended.errorText)")
            #expect(Files.list(home.machines).isEmpty)
            #expect(!Files.exists(home.socket))
        }
    }

    @Test func `is one, however many commands want it at once`() async throws {
        try await Installation.with(starts: false) { martlet in
            let processes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        _ = try await martlet.martlet(["ls"])
                        let status = try await martlet.martlet(["status", "--output", "json"])
                        return "\(try JSONValue(parsing: status.output)["processID"]?.integer ?? 0)"
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(processes.count == 1, "\(processes)")
            #expect(try await martlet.martlet(["shutdown"]).status == .exited(0))
        }
    }
}

extension Installation {
    /// The machines that run below this home.
    func machines() -> [(pid: Int32, line: String)] {
        Leftovers(of: self).processes().filter { $0.line.contains("qemu-system") }
    }
}
