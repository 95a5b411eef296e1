import FoundationEssentials
import Glibc
import Linux
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `the commands about sandboxes` {
        @Test func `list, tell, prolong and end`() async throws {
            let martlet = try shared()
            try await Installation.slots.withPermit {
                let created = try await martlet.martlet([
                    "sbx", "create", "--detach", "--timeout", "10m", "--metadata", "who=ana", "--metadata", "n=1,2",
                ])
                let id = created.text.filter { !$0.isWhitespace }
                #expect(created.status == .exited(0), "\(created.errorText)")

                for words in [
                    ["sbx", "ls", "-m", "who=ana,n=1,2"], ["sandbox", "list", "--state", "running", "-f", "pretty"],
                    ["ls", "--limit", "0"],
                ] {
                    let listed = try await martlet.martlet(words)
                    #expect(listed.text.contains(id), "\(words): \(listed.text)\(listed.errorText)")
                    // Nobody at a terminal, nothing for one.
                    #expect(!listed.text.contains("\u{1B}"))
                }
                let none = try await martlet.martlet(["sandbox", "list", "-m", "who=nobody"])
                #expect(none.output.isEmpty && none.errorText.contains("no sandboxes found"))
                let empty = try await martlet.martlet(["sandbox", "list", "-m", "who=nobody", "--format", "json"])
                #expect(try JSONValue(parsing: empty.output) == .array([]))

                let told = try await martlet.martlet(["sandbox", "info", String(id.prefix(12))])
                #expect(told.text.contains(id) && told.text.contains("n=1,2 who=ana"), "\(told.text)")

                let before = try #require(try await martlet.sandboxes().first { $0.id == id }?.ends)
                try await martlet.martlet(["sandbox", "timeout", id, "2h"])
                let after = try #require(try await martlet.sandboxes().first { $0.id == id }?.ends)
                #expect(after.timeIntervalSince(before) > 6000)
                try await martlet.martlet(["sandbox", "timeout", id, "never"])
                #expect(try await martlet.sandboxes().first { $0.id == id }?.ends == nil)

                let both = try await martlet.martlet(["sandbox", "kill", id, "--metadata", "who=ana"])
                #expect(both.status == .exited(2))
                try await martlet.martlet(["sandbox", "timeout", id, "0"])
                try await retrying(every: .milliseconds(20), for: .seconds(120)) {
                    try await martlet.sandboxes().contains { $0.id == id } ? nil : ()
                }
            }
        }

        @Test func `leave a program running, and interrupt one`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let started = try await martlet.martlet([
                    "sandbox", "exec", "-b", "-c", "/tmp", sandbox.id, "sh", "-c", "echo begun > mark; sleep 1000",
                ])
                #expect(started.status == .exited(0))
                #expect(started.output.isEmpty)
                let pid = try #require(Int32(started.errorText.filter { !$0.isWhitespace }))
                try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                    try await martlet.exec(sandbox, "cat", "/tmp/mark").text == "begun\n" ? () : nil
                }
                #expect(try await martlet.exec(sandbox, "kill", "-0", "\(pid)").status == .exited(0))

                // One that does not listen is killed by the second Ctrl-C.
                let stubborn = "trap 'echo heard' INT; echo begun; while :; do sleep 0.1; done"
                let (output, _) = try await martlet.martlet(live: ["sbx", "ex", sandbox.id, "sh", "-c", stubborn]) {
                    program in
                    try await program.says("begun")
                    program.child.send(SIGINT)
                    try await program.says("heard")
                    program.child.send(SIGINT)
                }
                #expect(output.status == .exited(128 + SIGKILL))
            }
        }

        @Test func `tell what programs did, wrote and used`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                _ = try await martlet.exec(sandbox, "sh", "-c", "echo to the one; echo to the other >&2; exit 7")
                let logs = try await martlet.martlet(["logs", sandbox.id])
                #expect(logs.status == .exited(0), "\(logs.errorText)")
                for part in ["Process started: ", "stdout to the one", "stderr to the other", "exit status 7"] {
                    #expect(logs.text.contains(part), "\(part): \(logs.text)")
                }
                let errors = try await martlet.martlet([
                    "sandbox", "logs", "--level", "WARN", "--loggers", "process", "--format", "json", sandbox.id,
                ])
                let lines = try errors.text.split(separator: "\n").map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(
                    lines.map { $0["message"] } == [.string("to the other"), .string("Process ended: exit status 7")],
                    "\(errors.text)"
                )

                let (followed, _) = try await martlet.martlet(live: ["sandbox", "logs", "--follow", sandbox.id]) {
                    program in
                    try await program.says("to the other")
                    _ = try await martlet.exec(sandbox, "echo", "one more")
                    try await program.says("one more")
                    try await martlet.martlet(["kill", sandbox.id])
                }
                #expect(followed.status == .exited(0), "\(followed.errorText)")
                // For a day it is told what went on in it.
                #expect(try await martlet.martlet(["logs", sandbox.id]).text.contains("stdout one more"))
            }
        }

        @Test func `tell what a sandbox uses`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                try await retrying(every: .milliseconds(200), for: .seconds(120)) {
                    try await martlet.martlet(["sandbox", "metrics", sandbox.id]).text.contains("memory") ? () : nil
                }
                let metrics = try await martlet.martlet(["sandbox", "metrics", "-o", "json", sandbox.id])
                let first = try #require(metrics.text.split(separator: "\n").first)
                let sample = try JSONValue(parsing: Array(first.utf8))
                #expect(sample["processors"] == .integer(Int64(sandbox.processors)), "\(metrics.text)")
            }
        }
    }
}
