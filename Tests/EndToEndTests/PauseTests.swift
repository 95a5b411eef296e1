import FoundationEssentials
import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

extension Installation {
    /// Starts a program in a sandbox that remembers something that is nowhere but in its memory, and tells it when asked.
    func startKeeper(in sandbox: SandboxInfo) async throws {
        let script = """
            mkfifo /run/ask /run/answer
            setsid bash -c 'secret=$RANDOM$RANDOM$RANDOM; n=0
                while read line < /run/ask; do n=$((n+1)); echo $secret $n > /run/answer; done' \
                > /dev/null 2>&1 < /dev/null &
            echo on disk > /root/disk; echo in memory > /dev/shm/memory
            """
        #expect(try await exec(sandbox, "bash", "-c", script).status == .exited(0))
    }

    /// The keeper's secret, and how often it was asked.
    func askKeeper(of sandbox: SandboxInfo) async throws -> [String] {
        let answer = try await exec(sandbox, "timeout", "60", "bash", "-c", "echo > /run/ask; cat /run/answer")
        #expect(answer.status == .exited(0), "\(answer.errorText)")
        return answer.text.split(whereSeparator: \.isWhitespace).map(String.init)
    }

    func state(of sandbox: SandboxInfo) async throws -> SandboxInfo {
        try await client.call(GetSandbox.self, SandboxReference(id: sandbox.id))
    }

    /// What is saved of sandboxes: the names of files and nothing else is looked at.
    var savedSnapshots: [String] { Files.list("\(home.snapshots)/saved").sorted() }
}

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a sandbox that is paused` {
    @Test func `goes on as it was, however often, and takes nothing but files meanwhile`() async throws {
        try await Installation.with { martlet in
            try await Installation.slots.withPermit {
                let sandbox = try await martlet.client.call(
                    CreateSandbox.self,
                    .init(template: "claude", lifetime: 600)
                )
                try await martlet.startKeeper(in: sandbox)
                let secret = try await martlet.askKeeper(of: sandbox)
                let boot = try await martlet.exec(sandbox, "cat", "/proc/sys/kernel/random/boot_id").text
                let logged = try await martlet.martlet(["logs", sandbox.id]).text
                for round in 1...2 {
                    let paused = try await martlet.martlet(["sandbox", "pause", String(sandbox.id.prefix(12))])
                    #expect(paused.status == .exited(0), "\(paused.errorText)")
                    // Only the machine that waits is left.
                    #expect(!Files.exists("/proc/\(sandbox.processID)"))
                    #expect(martlet.savedSnapshots.count == 1)
                    let state = try await martlet.state(of: sandbox)
                    #expect(state.state == .paused && state.processID == 0 && state.saved != nil)
                    #expect(try await martlet.martlet(["ls", "--state", "paused"]).text.contains(sandbox.id))
                    #expect(try await martlet.martlet(["ls", "--state", "running"]).output.isEmpty)
                    // What it said is still there to be read; what needs its guest says why not.
                    #expect(try await martlet.martlet(["logs", sandbox.id]).text.hasPrefix(logged))
                    #expect(try await !martlet.martlet(["sandbox", "metrics", sandbox.id]).output.isEmpty)
                    let refused = try await martlet.exec(sandbox, "true")
                    #expect(
                        refused.status != .exited(0) && refused.errorText.contains("paused"),
                        "\(refused.errorText)"
                    )
                    let again = try await martlet.martlet(["sandbox", "pause", sandbox.id])
                    #expect(again.status == .exited(1) && again.errorText.contains("already paused"))
                    #expect(
                        try await martlet.martlet(["sandbox", "timeout", sandbox.id, "1h"]).errorText.contains("paused")
                    )

                    let resumed = try await martlet.martlet(["sandbox", "resume", sandbox.id])
                    #expect(resumed.status == .exited(0) && resumed.errorText.isEmpty, "\(resumed.errorText)")
                    #expect(try await martlet.askKeeper(of: sandbox) == [secret[0], "\(round + 1)"])
                }
                let files = try await martlet.exec(sandbox, "cat", "/root/disk", "/dev/shm/memory")
                #expect(files.text == "on disk\nin memory\n")
                #expect(try await martlet.exec(sandbox, "cat", "/proc/sys/kernel/random/boot_id").text == boot)
                let time = try #require(
                    Double(try await martlet.exec(sandbox, "date", "+%s.%N").text.filter { $0 != "\n" })
                )
                #expect(abs(time - Date().timeIntervalSince1970) < 30)
                let left = try #require(try await martlet.state(of: sandbox).ends).timeIntervalSinceNow
                #expect(left > 400 && left < 601)
                // The journal has no gap, and nothing twice.
                let entries = try await martlet.client.call(ReadSandboxLogs.self, .init(id: sandbox.id)).entries
                #expect(entries.map(\.sequence) == Array(1...UInt64(entries.count)))
                let running = try await martlet.martlet(["sandbox", "resume", sandbox.id])
                #expect(running.status == .exited(0) && running.errorText.contains("running already"))

                // Ended while it rests, it leaves nothing.
                try await martlet.martlet(["sandbox", "pause", sandbox.id])
                #expect(try await martlet.martlet(["kill", sandbox.id]).status == .exited(0))
                #expect(martlet.savedSnapshots.isEmpty && Files.list("\(martlet.home.snapshots)/bases").isEmpty)
                #expect(Files.list(martlet.home.logs).filter { !$0.hasSuffix(".jsonl") }.isEmpty)
                let gone = try await martlet.martlet(["sandbox", "resume", sandbox.id])
                #expect(gone.status == .exited(1) && gone.errorText.contains("it was killed"), "\(gone.errorText)")
            }
        }
    }

    @Test func `when nobody uses it is not used by one who computes, or is there`() async throws {
        try await Installation.with(templates: ["base"], arguments: ["--pool", "0"]) { martlet in
            try await Installation.slots.withPermit {
                let made = try await martlet.martlet(["create", "--pause-when-idle", "5s", "base"])
                try #require(made.status == .exited(0), "\(made.errorText)")
                let sandbox = try #require(try await martlet.sandboxes().first)
                // Somebody waits for it.
                let waited = try await martlet.exec(sandbox, "sleep", "12")
                #expect(waited.status == .exited(0), "\(waited.errorText)")
                // Nobody does, and it computes until it has the time to say so.
                let script = """
                    setsid bash -c 'end=$((SECONDS+20)); while ((SECONDS < end)); do :; done; echo done > /root/done' \
                        > /dev/null 2>&1 < /dev/null &
                    """
                #expect(try await martlet.exec(sandbox, "bash", "-c", script).status == .exited(0))
                _ = try await retrying(every: .milliseconds(200), for: .seconds(120)) {
                    try await martlet.state(of: sandbox).state == .paused ? true : nil
                }
                #expect(try await martlet.martlet(["sandbox", "resume", sandbox.id]).status == .exited(0))
                #expect(try await martlet.exec(sandbox, "cat", "/root/done").text == "done\n")
                #expect(try await martlet.martlet(["kill", sandbox.id]).status == .exited(0))
            }
        }
    }

    @Test func `with its files alone is booted on them, and is then like any other`() async throws {
        try await Installation.with(templates: ["base"], starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let volume = try await martlet.controlPlane().ask("POST", "/volumes", #"{"name":"data"}"#)
                try #require(volume.status == 201, "\(volume.text)")
                let sandbox = try await martlet.client.call(
                    CreateSandbox.self,
                    .init(
                        template: "base",
                        environment: ["GREETING": "hello"],
                        lifetime: 600,
                        volumes: [.init(name: "data", path: "/mnt/data")]
                    )
                )
                try await martlet.startKeeper(in: sandbox)
                // Written a moment before, and not yet on the disk.
                let written = try await martlet.exec(
                    sandbox,
                    "sh",
                    "-c",
                    "echo kept > /mnt/data/file; echo late > /root/late"
                )
                #expect(written.status == .exited(0), "\(written.errorText)")
                let boot = try await martlet.exec(sandbox, "cat", "/proc/sys/kernel/random/boot_id").text

                let paused = try await martlet.martlet(["sandbox", "pause", "--files-only", sandbox.id])
                #expect(paused.status == .exited(0), "\(paused.errorText)")
                let saved = try #require(martlet.savedSnapshots.first)
                let place = "\(martlet.home.snapshots)/saved/\(saved)"
                let bytes = Files.list(place).filter { !$0.hasPrefix("layer") }.map {
                    Files.size("\(place)/\($0)") ?? 0
                }
                #expect(bytes.reduce(0, +) < 65_536, "\(bytes)")
                let resumed = try await martlet.martlet(["sandbox", "resume", sandbox.id])
                #expect(resumed.status == .exited(0), "\(resumed.errorText)")
                let script = """
                    cat /root/disk /root/late /mnt/data/file; echo $GREETING $E2B_SANDBOX_ID; hostname
                    ls /dev/shm; pgrep -f 'secret[=]'; test -e /run/ask || echo no pipe
                    """
                let found = try await martlet.exec(sandbox, "bash", "-c", script)
                let expected = "on disk\nlate\nkept\nhello \(sandbox.id)\n\(sandbox.id)\nno pipe\n"
                #expect(found.text == expected, "\(found.text) \(found.errorText)")
                let again = try await martlet.exec(sandbox, "cat", "/proc/sys/kernel/random/boot_id").text
                #expect(!again.isEmpty && again != boot)

                // It is found again, forked, and paused with its memory.
                try await martlet.startKeeper(in: sandbox)
                let secret = try await martlet.askKeeper(of: sandbox)
                try await martlet.endDaemon(SIGKILL)
                try await martlet.start(["--pool", "0"])
                let fork = try await martlet.martlet(["sandbox", "fork", sandbox.id])
                #expect(fork.status == .exited(0), "\(fork.errorText)")
                for round in 1...2 {
                    #expect(try await martlet.martlet(["sandbox", "pause", sandbox.id]).status == .exited(0))
                    #expect(try await martlet.martlet(["sandbox", "resume", sandbox.id]).status == .exited(0))
                    #expect(try await martlet.askKeeper(of: sandbox) == [secret[0], "\(round + 1)"])
                }
                let child = try #require(try await martlet.sandboxes().first { $0.id != sandbox.id })
                #expect(try await martlet.askKeeper(of: child) == [secret[0], "2"])
                for entry in [child, sandbox] {
                    #expect(try await martlet.martlet(["kill", entry.id]).status == .exited(0))
                }
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }

    @Test(arguments: [SIGKILL, SIGINT])
    func `outlives its daemon`(_ signal: Int32) async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await martlet.client.call(
                    CreateSandbox.self,
                    .init(template: "claude", metadata: ["a": "b"])
                )
                try await martlet.startKeeper(in: sandbox)
                let secret = try await martlet.askKeeper(of: sandbox)
                let paused = try await martlet.client.call(PauseSandbox.self, .init(id: sandbox.id))
                let logs = try await martlet.client.call(ReadSandboxLogs.self, .init(id: sandbox.id))
                #expect(!logs.entries.isEmpty)
                try await martlet.endDaemon(signal)
                // A template that is removed is missed by nobody.
                try Files.remove("\(martlet.home.templates)/names/claude")
                try await martlet.start(["--pool", "0"])
                #expect(try await martlet.sandboxes() == [paused])
                #expect(try await martlet.client.call(ReadSandboxLogs.self, .init(id: sandbox.id)) == logs)
                #expect(martlet.machines().isEmpty)
                let resumed = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id, lifetime: 900))
                #expect(resumed.wasPaused && resumed.sandbox.state == .running && resumed.sandbox.ends != nil)
                #expect(try await martlet.askKeeper(of: sandbox) == [secret[0], "2"])
                try await martlet.martlet(["kill", sandbox.id])
            }
        }
    }

    @Test func `is what was saved last when its machine is lost`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "claude"))
                try await martlet.startKeeper(in: sandbox)
                let reference = SandboxReference(id: sandbox.id)
                let saved = try await martlet.client.call(PauseSandbox.self, .init(id: reference.id)).saved
                for isDaemonThere in [true, false] {
                    let running = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id)).sandbox
                    _ = try await martlet.exec(running, "sh", "-c", "echo later > /root/disk; sync")
                    if !isDaemonThere { try await martlet.endDaemon(SIGKILL) }
                    kill(running.processID, SIGKILL)
                    if !isDaemonThere { try await martlet.start(["--pool", "0"]) }
                    try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                        try await martlet.state(of: sandbox).state == .paused ? () : nil
                    }
                    #expect(try await martlet.state(of: sandbox).saved == saved)
                    #expect(martlet.daemonLog.contains("it is paused as it was saved at"))
                }
                let resumed = try await martlet.client.call(ResumeSandbox.self, .init(id: sandbox.id)).sandbox
                #expect(try await martlet.exec(resumed, "cat", "/root/disk").text == "on disk\n")
                #expect(try await martlet.askKeeper(of: resumed).last == "1")
                try await martlet.martlet(["kill", sandbox.id])
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }

    @Test func `is saved now and then while it runs, if that was asked for, and loses no more with its machine`()
        async throws
    {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let made = try await martlet.martlet(["create", "--checkpoint", "1s"])
                let id = made.text.filter { !$0.isWhitespace }
                let sandbox = try await martlet.client.call(GetSandbox.self, SandboxReference(id: id))
                try await martlet.startKeeper(in: sandbox)
                let secret = try await martlet.askKeeper(of: sandbox)
                // Twice: the first may have begun before the keeper was asked.
                for _ in 0..<2 {
                    let before = Set(martlet.savedSnapshots)
                    try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                        let now = martlet.savedSnapshots
                        return now.isEmpty || !before.isDisjoint(with: now) ? nil : ()
                    }
                }
                kill(sandbox.processID, SIGKILL)
                try await retrying(every: .milliseconds(20), for: .seconds(60)) {
                    try await martlet.state(of: sandbox).state == .paused ? () : nil
                }
                let resumed = try await martlet.client.call(ResumeSandbox.self, .init(id: id)).sandbox
                #expect(try await martlet.askKeeper(of: resumed) == [secret[0], "2"])
                try await martlet.martlet(["kill", id])
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }
}
