import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a snapshot of a sandbox` {
    private func id(_ output: Program.Output) -> String { output.text.filter { !$0.isWhitespace } }

    @Test func `is what others are made from, also when the sandbox and its daemon are no more`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "claude"))
                try await martlet.startKeeper(in: sandbox)
                let secret = try await martlet.askKeeper(of: sandbox)
                let line = ["snapshot", "create", sandbox.id, "--name", "before"]
                let made = try await martlet.martlet(line)
                #expect(made.status == .exited(0), "\(made.errorText)")
                // It goes on, and what it does later is not in the snapshot.
                #expect(try await martlet.askKeeper(of: sandbox) == [secret[0], "2"])
                _ = try await martlet.exec(
                    sandbox,
                    "sh",
                    "-c",
                    "echo later > /root/disk; echo later > /dev/shm/memory; sync"
                )
                #expect(try await martlet.martlet(["sbx", "snapshot", "ls"]).text.contains("before"))
                try await martlet.martlet(["kill", sandbox.id])
                try await martlet.endDaemon(SIGKILL)
                try await martlet.start(["--pool", "0"])

                var others: [SandboxInfo] = []
                for name in ["before", id(made)] {
                    let other = id(try await martlet.martlet(["create", name, "--env", "ADDED=\(name)"]))
                    let info = try await martlet.client.call(GetSandbox.self, SandboxReference(id: other))
                    #expect(try await martlet.askKeeper(of: info) == [secret[0], "2"])
                    let told = try await martlet.exec(
                        info,
                        "sh",
                        "-c",
                        "cat /root/disk /dev/shm/memory; hostname; echo $ADDED"
                    )
                    #expect(told.text == "on disk\nin memory\n\(other)\n\(name)\n")
                    others.append(info)
                }
                // In a file, it comes back whole or not at all.
                let file = "\(martlet.root)/work/before.martlet"
                let export = ["snapshot", "export", "before", file, "--without-template"]
                #expect(try await martlet.martlet(export).status == .exited(0))
                let taken = try await martlet.martlet(["snapshot", "import", file])
                #expect(taken.status == .exited(1) && taken.errorText.contains("There is a snapshot 'before' already"))
                let whole = try Files.read(file)
                var flipped = whole
                flipped[whole.count / 2] ^= 0x10
                for damaged in [flipped, Array(whole[..<(whole.count - 20_000)])] {
                    try Files.write(damaged, to: file)
                    let refused = try await martlet.martlet(["snapshot", "import", file, "--name", "back"])
                    #expect(refused.status == .exited(1) && martlet.savedSnapshots.count == 1, "\(refused.errorText)")
                }
                try Files.write(whole, to: file)
                let back = id(try await martlet.martlet(["snapshot", "import", file, "--name", "back"]))
                try Files.remove(file)

                // It can be taken away from under them, and they can be paused.
                #expect(try await martlet.martlet(["snapshot", "rm", "before"]).status == .exited(0))
                let from = try await martlet.client.call(CreateSandbox.self, .init(template: back))
                #expect(try await martlet.askKeeper(of: from) == [secret[0], "2"])
                try await martlet.martlet(["kill", from.id])
                #expect(try await martlet.martlet(["snapshot", "rm", "back"]).status == .exited(0))
                let gone = try await martlet.martlet(["create", "before"])
                #expect(gone.status == .exited(1) && gone.errorText.contains("There is no template 'before'"))
                try await martlet.martlet(["sandbox", "pause", others[0].id])
                try await martlet.martlet(["sandbox", "resume", others[0].id])
                #expect(try await martlet.askKeeper(of: others[0]) == [secret[0], "3"])
                for other in others { try await martlet.martlet(["kill", other.id]) }
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }

    @Test func `has a name that is its own`() async throws {
        try await Installation.with { martlet in
            try await martlet.withSandbox { sandbox in
                for name in ["claude", "No", "a/b", ""] {
                    let refused = try await martlet.martlet(["sbx", "snapshot", "create", sandbox.id, "-n", name])
                    #expect(refused.status == .exited(1), "\(name)")
                }
                let first = id(try await martlet.martlet(["sbx", "snapshot", "create", sandbox.id, "-n", "one"]))
                let second = id(try await martlet.martlet(["sbx", "snapshot", "create", sandbox.id, "-n", "one"]))
                #expect(martlet.savedSnapshots == [second] && first != second)
                try await martlet.martlet(["sbx", "snapshot", "rm", "one"])
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }
}
