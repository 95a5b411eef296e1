import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Testing
import Wire

extension Martlet {
    /// What programs do to the machine they are in.
    @Suite struct `a guest in trouble` {
        @Test func `ends whoever takes all memory, says so, and goes on`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let eaten = try await martlet.exec(sandbox, "sh", "-c", "tail /dev/zero; exit $?")
                #expect(eaten.status == .exited(137))
                let words = "the guest ran out of memory, and its kernel ended tail (pid "
                #expect(eaten.errorText.contains("martlet: \(words)"), "\(eaten.errorText)")
                // A failure that has nothing to do with it does not take the blame.
                let other = try await martlet.exec(sandbox, "sh", "-c", "exit 3")
                #expect(other.status == .exited(3) && other.errorText.isEmpty, "\(other.errorText)")
                let logs = try await martlet.martlet(["sbx", "logs", sandbox.id])
                #expect(
                    logs.text.split(separator: "\n").count { $0.contains("ERROR kernel \(words)") } == 1,
                    "\(logs.text)"
                )
            }
        }

        @Test func `stays within reach under a fork bomb, until that is killed`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                @Sendable func counted(_ file: String) async throws -> Int {
                    let told = try await martlet.exec(sandbox, "cat", "/sys/fs/cgroup/martlet/\(file)")
                    return try #require(Int(told.text.filter(\.isNumber)), "\(told.errorText)")
                }
                let bomb = "b() { b & b; }; b 2> /dev/null & echo lit; wait"
                let line = ["exec", sandbox.id, "--", "bash", "-c", bomb]
                let (output, _) = try await martlet.martlet(live: line) { program in
                    try await program.says("lit")
                    // As large as it gets: a fork was refused.
                    try await retrying(every: .milliseconds(100), for: .seconds(120)) {
                        try await counted("pids.events") > 0 ? () : nil
                    }
                    var client = martlet.client
                    client.headers[SandboxHeaders.id] = sandbox.id
                    client.headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
                    let running = try await client.call(ListProcesses.self, Empty()).processes
                    let pid = try #require(running.first { $0.config.args?.contains(bomb) == true }).pid
                    let kill = SignalProcess.Request(process: .init(pid: pid), signal: "SIGNAL_SIGKILL")
                    _ = try await client.call(SignalProcess.self, kill)
                }
                #expect(output.status == .exited(137))
                // Only the one that counts.
                try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    try await counted("pids.current") == 1 ? () : nil
                }
            }
        }

        @Test func `has the right time after a pause, whatever it was set to`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                for (set, seconds) in [("2001-02-03", 981_158_400), ("2101-02-03", 4_136_832_000)] as [(String, Int64)]
                {
                    #expect(try await martlet.exec(sandbox, "date", "-s", set).status.isSuccess)
                    // What has a deadline goes by another clock.
                    let wrong = try await martlet.exec(sandbox, "sh", "-c", "sleep 0.1; date +%s")
                    let shown = try #require(Int64(wrong.text.filter(\.isNumber)))
                    #expect(abs(shown - seconds) < 120)
                    try await martlet.martlet(["sbx", "pause", sandbox.id])
                    try await martlet.martlet(["sbx", "resume", sandbox.id])
                    let before = Int64(Date().timeIntervalSince1970)
                    let right = try await martlet.exec(sandbox, "date", "+%s")
                    let after = Int64(Date().timeIntervalSince1970)
                    #expect((before - 2...after + 2).contains(try #require(Int64(right.text.filter(\.isNumber)))))
                }
            }
        }
    }
}
