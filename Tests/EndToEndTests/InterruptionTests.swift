import FoundationEssentials
import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a run that is cut off` {
        /// Starts a run whose agent calls a command that does not end, and calls `disturb` when it has called it.
        private func disturbed(
            _ martlet: Installation,
            _ arguments: [String] = [],
            _ disturb: @Sendable @escaping (LiveProgram, SandboxInfo) async throws -> Void
        ) async throws -> FinishedRun {
            let line = try martlet.runArguments(Say.steps(Say.forever, Say.text("Done.")), arguments + ["Go"])
            return try await Installation.slots.withPermit {
                let (output, _) = try await martlet.martlet(live: line) { run in
                    try await run.says("agent: Bash tail")
                    let text = run.errorText
                    let id = try #require(text.split(separator: "\n").first { $0.hasPrefix("run: ") }).dropFirst(5)
                    let sandbox = try await martlet.sandboxes().first { $0.metadata["run"] == String(id) }
                    try await disturb(run, try #require(sandbox))
                }
                return FinishedRun(output)
            }
        }

        @Test func `by the end of its agent`() async throws {
            let martlet = try shared()
            let run = try await disturbed(martlet) { _, sandbox in
                try await martlet.martlet(["exec", "-u", "root", sandbox.id, "pkill", "-KILL", "-x", "claude"])
            }
            let report = try run.ended(.agentFailed)
            #expect(report.error?.message.contains("killed") == true, "\(report.error?.message ?? "")")
            #expect(report.toolCalls == ["Bash": 1])
        }

        @Test func `by the end of its guest`() async throws {
            let martlet = try shared()
            let run = try await disturbed(martlet) { _, sandbox in
                try await martlet.martlet([
                    "exec", "-u", "root", sandbox.id, "sh", "-c", "echo b > /proc/sysrq-trigger",
                ])
            }
            let report = try run.ended(.sandboxFailed)
            #expect(report.error?.message.contains("ended during the run") == true, "\(report.error?.message ?? "")")
            #expect(report.turns == 1)
        }

        @Test func `by the end of its machine`() async throws {
            let run = try await disturbed(try shared()) { _, sandbox in kill(sandbox.processID, SIGKILL) }
            let report = try run.ended(.sandboxFailed)
            #expect(report.error?.message.contains("ended during the run") == true, "\(report.error?.message ?? "")")
        }

        @Test func `by Ctrl-C gives its report all the same`() async throws {
            let martlet = try shared()
            let run = try await disturbed(martlet) { run, _ in run.child.send(SIGINT) }
            #expect(run.status == .exited(130))
            let report = try run.report
            #expect(report.outcome == .cancelled)
            #expect(report.toolCalls == ["Bash": 1])
            #expect(try await !martlet.sandboxes().contains { $0.id == report.sandboxID })
        }

        @Test func `by Ctrl-C twice leaves nothing either`() async throws {
            let martlet = try shared()
            let run = try await disturbed(martlet) { run, sandbox in
                run.child.send(SIGINT)
                run.child.send(SIGINT)
                _ = try await run.child.exit.value()
                try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                    try await martlet.sandboxes().contains { $0.id == sandbox.id } ? nil : ()
                }
            }
            #expect(run.status != .exited(0))
        }

        @Test func `by Ctrl-C while its sandbox is made`() async throws {
            let martlet = try shared()
            let line = try martlet.runArguments(Say.steps(Say.text("Done.")), ["Go"])
            let (output, _) = try await martlet.martlet(live: line) { run in
                try await run.says("run: ")
                run.child.send(SIGINT)
            }
            let run = FinishedRun(output)
            #expect(run.status == .exited(130), "\(run.errorText)")
            let report = try run.report
            #expect(report.outcome == .cancelled)
            #expect(try await !martlet.sandboxes().contains { $0.metadata["run"] == report.id })
        }

        @Test func `by its caller's death is ended by the daemon`() async throws {
            let martlet = try shared()
            _ = try await disturbed(martlet) { run, sandbox in
                run.child.send(SIGKILL)
                try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                    try await martlet.sandboxes().contains { $0.id == sandbox.id } ? nil : ()
                }
            }
        }

        @Test func `by its daemon's death is told by the next one, which finds kept sandboxes again`() async throws {
            try await Installation.with { martlet in
                let kept = try await martlet.run(
                    Say.steps(Say.bash("echo here > note"), Say.text("Done.")),
                    ["--keep", "Go"]
                )
                let sandbox = try #require(try kept.ended(.valid).sandboxID)
                let run = try await disturbed(martlet) { _, _ in try await martlet.endDaemon(SIGKILL) }
                #expect(run.status == .exited(1))
                #expect(run.errorText.contains("daemon"), "\(run.errorText)")
                #expect(run.output.isEmpty)

                try await martlet.start()
                #expect(try await martlet.sandboxes().map(\.id) == [sandbox])
                let note = try await martlet.martlet(["exec", sandbox, "cat", "/home/user/workspace/note"])
                #expect(note.text == "here\n", "\(note.errorText)")
                let runs = try await martlet.client.call(ListRuns.self, .init(limit: 10)).runs
                #expect(runs.map(\.outcome) == [.sandboxFailed, .valid])
                #expect(runs.first?.error?.code == "daemon_ended")
                #expect(runs.first?.transcript.map(Files.exists) == true)

                // A daemon that is asked to end leaves what was kept to the next one.
                try await martlet.endDaemon(SIGTERM)
                try await martlet.start()
                #expect(try await martlet.martlet(["exec", sandbox, "true"]).status == .exited(0))
                #expect(try await martlet.martlet(["kill", sandbox]).status == .exited(0))
            }
        }
    }
}
