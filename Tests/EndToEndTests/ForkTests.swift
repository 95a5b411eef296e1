import FoundationEssentials
import Glibc
import GuestLink
import HTTP
import Linux
import Machines
import QEMUMachines
import RPC
import Records
import Sandboxes
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a fork` {
    private static let word = "the word"

    private func shell(_ sandbox: Sandbox, _ text: String) async throws -> String {
        let result = try await withDeadline(.seconds(60)) {
            try await sandbox.link.run(GuestLink.Command("/bin/bash", ["-c", text], user: "root"))
        }
        guard result.status == 0 else { throw Unexpected("'\(text)' ended with \(result.status): \(result.errorText)") }
        return result.text
    }

    /// A program that rolls on and on, before the fork, over it and behind it.
    private static let roller = """
        cat > /run/roller.py << 'END'
        import os, time, uuid
        while True:
            with open("/run/rolled", "a") as file:
                file.write(os.getrandom(16).hex() + "\\n" + str(uuid.uuid4()) + "\\n")
            time.sleep(0.5)
        END
        setsid python3 /run/roller.py > /dev/null 2>&1 < /dev/null &
        until [ -s /run/rolled ]; do sleep 0.1; done
        """

    /// What a sandbox is and rolls, a line each; then, behind an empty line, what its program rolled. Of that the next four
    /// lines are waited for: the first two may have been on their way when all stood still.
    private static let dice = """
        had=$(wc -l < /run/rolled)
        cat /proc/sys/kernel/random/uuid /etc/machine-id \(GuestProtocol.generationFile)
        head -c 16 /dev/urandom | od -An -tx1
        hostname
        echo
        until [ $(wc -l < /run/rolled) -ge $((had + 4)) ]; do sleep 0.2; done
        cat /run/rolled
        """

    @Test func `gives each of twenty what none of the others has, and lets the parent go on`() async throws {
        try await DisturbedRegistry.with { bench in
            let registry = bench.registry
            let parent = try await registry.create(
                NewSandbox(template: "claude", environment: ["TOLD": Self.word], metadata: ["of": "mine"])
            )
            _ = try await shell(parent, Self.roller)
            let fork = try await registry.fork(parent, ForkRequest(count: 20, lifetime: .seconds(600)))
            let children = try fork.children.map { try $0.get() }
            #expect(children.count == 20)
            #expect(fork.hold >= fork.pause)
            var dice: Set<Substring> = []
            var lines: [Substring: Int] = [:]
            for sandbox in [parent] + children {
                let told = try await shell(sandbox, Self.dice).split(separator: "\n", omittingEmptySubsequences: false)
                let (own, rolls) = (told.prefix { !$0.isEmpty }, told.drop { !$0.isEmpty }.filter { !$0.isEmpty })
                #expect(own.count == 5)
                #expect(own.last.map(String.init) == sandbox.id)
                dice.formUnion(own)
                #expect(Set(rolls).count == rolls.count)
                for roll in rolls { lines[roll, default: 0] += 1 }
                #expect(rolls.contains { lines[$0] == 1 }, "It rolled nothing of its own")
                let surroundings = GuestLink.Command("/bin/sh", ["-c", "echo $TOLD $E2B_SANDBOX_ID"])
                #expect(try await sandbox.link.run(surroundings).text == "\(Self.word) \(sandbox.id)\n")
                #expect(sandbox.record.metadata == ["of": "mine"])
                #expect((sandbox.record.ends == nil) == (sandbox.id == parent.id))
                // The end of one is its own; and those that were asked leave the processors to the others.
                if sandbox.id != parent.id { try await registry.kill(sandbox.id) }
            }
            #expect(dice.count == 21 * 5)
            // What was rolled before the fork all have; what came after it, one: a running program rolled nothing with the
            // parent's randomness.
            let shared = lines.values.filter { $0 > 1 }
            #expect(!shared.isEmpty)
            #expect(shared.allSatisfy { $0 == 21 }, "\(shared)")
            #expect(try await shell(parent, "echo goes on") == "goes on\n")
        }
    }

    @Test func `leaves the parent's connections to the parent, and is not opened by its token`() async throws {
        try await DisturbedRegistry.with { bench in
            let registry = bench.registry
            let parent = try await registry.create(NewSandbox(template: "claude"))
            let cat = GuestLink.Command("cat")
            let link = parent.link
            let ends = Latch<Void>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                let pid = Latch<UInt32>()
                group.addTask {
                    try await link.start(cat, openInput: true) { events in
                        while let message = try await events.next() {
                            if let started = message.event.start?.pid { pid.set(started) }
                            if message.event.data?.stdout != nil { ends.set(()) }
                            if message.event.end != nil { return }
                        }
                    }
                }
                let process = ProcessSelector(pid: try await withDeadline(.seconds(60)) { try await pid.value() })
                let fork = try await registry.fork(parent, ForkRequest(count: 1))
                let child = try #require(fork.sandboxes.first)
                // The stream of the parent goes on.
                _ = try await link.call(
                    SendProcessInput.self,
                    .init(process: process, input: .init(stdin: .init("x".utf8)))
                )
                try await withDeadline(.seconds(60)) { try await ends.value() }
                // The child has the process, and nobody who listens to it.
                let running = try await child.link.call(ListProcesses.self, Empty()).processes
                #expect(running.contains { $0.pid == process.pid })
                let stranger = GuestLink(
                    GuestLine(to: try #require(child.stay).machine.agentAddress),
                    token: parent.token
                )
                await #expect(throws: (any Error).self) { try await stranger.run(.init("true")) }
                let other = GuestLink(GuestLine(to: try #require(parent.stay).machine.agentAddress), token: child.token)
                await #expect(throws: (any Error).self) { try await other.run(.init("true")) }
                try await link.signal(process, "SIGNAL_SIGKILL")
                try await group.waitForAll()
            }
        }
    }

    /// A program that rolls all the time: a moment in which it runs with randomness that is not its own would be seen.
    private static let restlessRoller = """
        cat > /run/roller.py << 'END'
        import os, time
        while True:
            with open("/run/rolled", "a") as file:
                file.write(os.getrandom(16).hex() + "\\n")
            time.sleep(0.002)
        END
        setsid python3 /run/roller.py > /dev/null 2>&1 < /dev/null &
        until [ -s /run/rolled ]; do sleep 0.1; done
        """

    @Test func `of one at rest rolls nothing that it rolls when it goes on`() async throws {
        try await DisturbedRegistry.with { bench in
            let registry = bench.registry
            let parent = try await registry.create(NewSandbox(template: "claude"))
            _ = try await shell(parent, Self.restlessRoller)
            try await registry.pause(parent)
            let children = try await registry.fork(parent, ForkRequest(count: 2)).children.map { try $0.get() }
            try await registry.resume(parent)
            var times: [Substring: Int] = [:]
            for sandbox in [parent] + children {
                let rolled = try await shell(
                    sandbox,
                    "had=$(wc -l < /run/rolled); until [ $(wc -l < /run/rolled) -ge $((had + 50)) ]; do sleep 0.1; done; "
                        + "pkill -f '[r]oller.py'; cat /run/rolled"
                )
                for roll in rolled.split(separator: "\n") { times[roll, default: 0] += 1 }
            }
            // All have what was rolled before the pause, and what came after it has one.
            #expect(Set(times.values) == [1, 3], "\(times.values.filter { $0 == 2 }.count) were rolled twice")
        }
    }

    @Test func `of a fork, and of a sandbox whose template is no more, is one like the others`() async throws {
        try await DisturbedRegistry.with { bench in
            let registry = bench.registry
            let parent = try await registry.create(NewSandbox(template: "claude"))
            _ = try await shell(parent, "echo \(Self.word) > /root/said")
            let child = try #require(try await registry.fork(parent, ForkRequest()).sandboxes.first)
            try await registry.kill(parent.id)
            try registry.templates.remove("claude")
            let grandchild = try #require(try await registry.fork(child, ForkRequest()).sandboxes.first)
            #expect(try await shell(grandchild, "cat /root/said") == "\(Self.word)\n")
        }
    }

    @Test func `that is refused leaves its parent as it was`() async throws {
        try await DisturbedRegistry.with { bench in
            let registry = bench.registry
            let parent = try await registry.create(NewSandbox(template: "claude"))
            for count in [0, 101, -1] {
                let error = try await #require(throws: SandboxError.self) {
                    try await registry.fork(parent, ForkRequest(count: count))
                }
                #expect(error.code == .invalidRequest)
            }
            // QEMU can not write the state of the devices: something else is there.
            let occupied = "\(try #require(parent.stay).machine.directory)/device-state/occupied"
            try Files.makeDirectory(occupied)
            await #expect(throws: MachineError.self) { try await registry.fork(parent, ForkRequest(count: 3)) }
            #expect(registry.list().map(\.id) == [parent.id])
            #expect(try await shell(parent, "echo goes on") == "goes on\n")
        }
    }

    @Test func `that is disturbed leaves nothing but its parent, whichever step is next`() async throws {
        try await DisturbedRegistry.with { bench in
            let (registry, disturbance) = (bench.registry, bench.disturbance)
            let machines = bench.installation.home.machines
            let parent = try await registry.create(NewSandbox(template: "claude"))
            // A child's volumes are mounted already.
            for step in CreateStep.allCases.drop(while: { $0 != .machine }) where step != .volumes {
                disturbance.set(before: step) { throw Unexpected("disturbed") }
                let fork = try await registry.fork(parent, ForkRequest())
                #expect(fork.sandboxes.isEmpty, "\(step)")
                #expect(registry.list().map(\.id) == [parent.id], "\(step)")
                #expect(Files.list(machines).count == 1, "\(step)")
                #expect(try await shell(parent, "echo goes on") == "goes on\n", "\(step)")
            }
            disturbance.clear()
            // One fails, the other does not.
            let isFirst = Atomic<Bool>(true)
            disturbance.set(before: .record) {
                if isFirst.exchange(false, ordering: .relaxed) { throw Unexpected("disturbed") }
            }
            let fork = try await registry.fork(parent, ForkRequest(count: 2))
            #expect(fork.sandboxes.count == 1)
            disturbance.clear()
            for child in fork.sandboxes { try await registry.kill(child.id) }
            // The parent is lost while its children are made.
            let machine = try #require(parent.stay).machine
            disturbance.set(before: .record) { machine.kill() }
            let last = try await registry.fork(parent, ForkRequest(count: 3))
            disturbance.clear()
            for child in last.sandboxes {
                #expect(try await shell(child, "echo goes on") == "goes on\n")
                try await registry.kill(child.id)
            }
            try await retrying(every: .milliseconds(10), for: .seconds(60)) {
                registry.list().isEmpty && Files.list(machines).isEmpty ? () : nil
            }
        }
    }

    @Test func `is made by the command and by E2B's request, and outlives no killed daemon half made`() async throws {
        try await Installation.with { martlet in
            try await Installation.slots.withPermit {
                let plane = try martlet.controlPlane()
                let parent = try await plane.create(#""metadata":{"of":"mine"},"secure":true"#)
                let made = try await plane.ask("POST", "/sandboxes/\(parent)/fork", #"{"count":2,"timeout":300}"#)
                #expect(made.status == 201, "\(made.text)")
                let children = made.json.array ?? []
                #expect(children.count == 2)
                let ids = children.compactMap { $0["sandbox"]?["sandboxID"]?.string }
                #expect(ids.count == 2)
                let tokens = Set(children.compactMap { $0["sandbox"]?["envdAccessToken"]?.string })
                #expect(tokens.count == 2)
                for id in ids {
                    #expect(try await plane.info(id)["metadata"]?["of"]?.string == "mine")
                    #expect(try await plane.left(id) > 100)
                }
                for body in [#"{"count":0}"#, #"{"count":21}"#, #"{"timeout":0}"#, #"{"count":"two"}"#] {
                    #expect(try await plane.ask("POST", "/sandboxes/\(parent)/fork", body).status == 400)
                }
                #expect(try await plane.ask("POST", "/sandboxes/i0/fork", "{}").status == 404)
                let printed = try await martlet.martlet(["sandbox", "fork", parent, "--count", "2"])
                let named = printed.text.split(separator: "\n").map(String.init)
                #expect(named.count == 2)
                #expect(try await martlet.martlet(["exec", named[1], "--", "hostname"]).text == "\(named[1])\n")

                // The daemon dies while children are made; the next one finds what is whole, and nothing else is there.
                let client = martlet.client
                async let lost = try? client.call(ForkSandbox.self, .init(id: parent, count: 8))
                try await retrying(every: .milliseconds(1), for: .seconds(60)) {
                    martlet.machines().count > 5 + 1 ? () : nil
                }
                try await martlet.endDaemon(SIGKILL)
                _ = await lost
                try await martlet.start(["--pool", "0"])
                let found = try await martlet.sandboxes()
                #expect(Set(ids + named + [parent]).isSubset(of: found.map(\.id)))
                #expect(martlet.machines().count == found.count)
                for sandbox in found {
                    #expect(try await martlet.martlet(["exec", sandbox.id, "--", "echo", "here"]).text == "here\n")
                }
            }
        }
    }
}

extension Machine {
    /// Ends the machine's process, as a crash does.
    fileprivate func kill() { Glibc.kill(processID, SIGKILL) }
}
