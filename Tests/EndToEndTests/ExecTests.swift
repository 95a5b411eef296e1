import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `a program in a sandbox` {
        @Test func `is handed every byte, and hands back every byte`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                // Every byte there is, in more than one message, with an odd end.
                let bytes = (0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
                let echoed = try await martlet.exec(sandbox, "cat", input: bytes)
                #expect(echoed.status == .exited(0))
                #expect(echoed.output == bytes)
                #expect(echoed.error.isEmpty)
                let loud = try await martlet.exec(sandbox, "sh", "-c", "cat >&2", input: bytes)
                #expect(loud.output.isEmpty)
                #expect(loud.error == bytes)
                // One that does not read its input ends all the same.
                #expect(try await martlet.exec(sandbox, "true", input: bytes).status == .exited(0))
            }
        }

        @Test func `ends with the number of the signal that ended it`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                for (name, number) in [
                    ("HUP", SIGHUP), ("INT", SIGINT), ("ABRT", SIGABRT), ("KILL", SIGKILL), ("SEGV", SIGSEGV),
                ] {
                    let ended = try await martlet.exec(sandbox, "sh", "-c", "kill -\(name) $$")
                    #expect(ended.status == .exited(128 + number), "\(name): \(ended.errorText)")
                }
            }
        }

        @Test func `that can not be run is told from one that failed`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let unknown = try await martlet.exec(sandbox, "no-such-program")
                #expect(unknown.status == .exited(125))
                #expect(unknown.errorText.contains("'no-such-program'"), "\(unknown.errorText)")
                #expect(unknown.output.isEmpty)

                let nowhere = try await martlet.martlet(["exec", "-w", "/no/such/place", sandbox.id, "true"])
                #expect(nowhere.status == .exited(125))
                #expect(nowhere.errorText.contains("/no/such/place"), "\(nowhere.errorText)")

                let nobody = try await martlet.martlet(["exec", "-u", "nobody-knows", sandbox.id, "true"])
                #expect(nobody.status == .exited(125))
                #expect(nobody.errorText.contains("nobody-knows"), "\(nobody.errorText)")
            }
            let lost = try await martlet.martlet(["exec", "i-never-was", "true"])
            #expect(lost.status == .exited(125))
            for words in [["kill", "i-never-was"], ["logs", "i-never-was"]] {
                let refused = try await martlet.martlet(words)
                #expect(refused.status == .exited(1))
                #expect(refused.errorText.contains("'i-never-was'") && refused.errorText.contains("martlet ls"))
            }
        }

        @Test func `ends with its sandbox, and says so`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let directory = try martlet.directory(of: sandbox)
                let line = ["exec", sandbox.id, "--", "sh", "-c", "echo begun; tail -f /dev/null"]
                let (output, _) = try await martlet.martlet(live: line) { program in
                    try await program.says("begun")
                    let killed = try await martlet.martlet(["kill", sandbox.id])
                    #expect(killed.status == .exited(0), "\(killed.errorText)")
                }
                #expect(output.text == "begun\n")
                #expect(output.status == .exited(125))
                #expect(output.errorText.contains("ended before"), "\(output.errorText)")
                try await martlet.forgets(sandbox, directory)
            }
        }

        @Test func `finds the console in the logs, and its sandbox in the list`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let said = try await martlet.exec(
                    sandbox,
                    "sh",
                    "-c",
                    "echo a word to the kernel > /dev/kmsg; echo 7 > /proc/sys/kernel/printk; echo '<0>seen on the console' > /dev/kmsg"
                )
                #expect(said.status == .exited(0), "\(said.errorText)")
                try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                    try await martlet.martlet(["logs", "--console", sandbox.id]).text.contains("seen on the console")
                        ? () : nil
                }
                let listed = try await martlet.martlet(["ls", "--output", "json"])
                let all = try JSONValue(parsing: listed.output)
                #expect(all.array?.contains { $0["id"] == .string(sandbox.id) } == true, "\(listed.text)")
            }
        }
    }

    @Suite struct `a sandbox that nobody uses` {
        @Test func `is forgotten when its machine is killed`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let directory = try martlet.directory(of: sandbox)
                kill(sandbox.processID, SIGKILL)
                try await martlet.forgets(sandbox, directory)
                #expect(try await martlet.martlet(["exec", sandbox.id, "true"]).status == .exited(125))
            }
        }

        @Test func `is forgotten when its guest ends by itself`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                let directory = try martlet.directory(of: sandbox)
                // At once, without a shutdown: under TCG a guest that powers off in order has been seen to hang in its kernel.
                _ = try await martlet.exec(sandbox, "sh", "-c", "echo b > /proc/sysrq-trigger")
                try await martlet.forgets(sandbox, directory)
            }
        }
    }
}
