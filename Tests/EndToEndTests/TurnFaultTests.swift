import FoundationEssentials
import Glibc
import GuestLink
import Linux
import Machines
import RPC
import Records
import Sandboxes
import Snapshots
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a pause or a resume that is disturbed` {
    private struct Failed: Error {}

    private static let toRest: [TurnStep] = [.suspend, .save, .rest]
    private static let fromRest: [TurnStep] = [.open, .prepare, .identity, .wake]

    private func code(_ body: () async throws -> Void) async -> (code: SandboxError.Code?, cause: (any Error)?) {
        do {
            try await body()
            return (nil, nil)
        } catch {
            let error = error as? SandboxError
            return (error?.code, error?.cause)
        }
    }

    private func said(_ sandbox: Sandbox, _ script: String) async throws -> String {
        try await withDeadline(.seconds(60)) {
            try await sandbox.link.run(.init("/bin/sh", ["-c", script], user: "root")).text
        }
    }

    @Test func `by a failure, whichever step is next, leaves the sandbox as it was`() async throws {
        try await DisturbedRegistry.with { place in
            let (registry, turns) = (place.registry, place.turns)
            let sandbox = try await registry.create(NewSandbox(template: "claude"))
            _ = try await said(sandbox, "echo here > /dev/shm/mark")
            for step in Self.toRest {
                turns.set(before: step) { throw Failed() }
                #expect(await code { try await registry.pause(sandbox) }.code == .pauseFailed, "\(step)")
                #expect(sandbox.isRunning && sandbox.record.saved == nil && registry.snapshots.ids().isEmpty, "\(step)")
                #expect(try await said(sandbox, "cat /dev/shm/mark") == "here\n", "\(step)")
            }
            turns.clear()
            try await registry.pause(sandbox)
            #expect(place.installation.machines().isEmpty)
            for step in Self.fromRest {
                turns.set(before: step) { throw Failed() }
                #expect(await code { try await registry.resume(sandbox) }.code == .resumeFailed, "\(step)")
                #expect(sandbox.condition == .paused && registry.snapshots.ids().count == 1, "\(step)")
                #expect(place.installation.machines().isEmpty, "\(step)")
            }
            turns.clear()
            try await refuseDamage(place, sandbox)
            #expect(try await registry.resume(sandbox))
            #expect(try await said(sandbox, "cat /dev/shm/mark") == "here\n")
        }
    }

    /// A snapshot that is not what was written is told as such, and is as good as before when it is again.
    private func refuseDamage(_ place: DisturbedRegistry, _ sandbox: Sandbox) async throws {
        let name = try #require(sandbox.record.saved).snapshot
        let directory = "\(place.installation.home.snapshots)/saved/\(name)"
        for (file, cut, expected) in [
            ("manifest", true, SnapshotError.Code.truncated), ("manifest", false, .damaged),
            ("pages", true, .truncated), ("pages", false, .damaged), ("device-state", true, .truncated),
            ("device-state", false, .damaged), ("layer-0", false, .damaged),
        ] {
            let whole = try Files.read("\(directory)/\(file)")
            var other = whole
            if cut { other.removeLast(whole.count / 3) } else { other[whole.count / 2] ^= 4 }
            // Another file of that name: what a layer is linked to elsewhere stays as it is.
            try Files.write(other, to: "\(directory)/\(file)")
            let error = await code { try await place.registry.resume(sandbox) }
            #expect(error.code == .resumeFailed && sandbox.condition == .paused, "\(file)")
            #expect((error.cause as? SnapshotError)?.code == expected, "\(file): \(String(describing: error.cause))")
            try Files.write(whole, to: "\(directory)/\(file)")
        }
        #expect(place.installation.machines().isEmpty)
    }

    @Test func `by a kill, whichever step is next, leaves nothing`() async throws {
        try await DisturbedRegistry.with { place in
            let (registry, turns) = (place.registry, place.turns)
            for step in TurnStep.allCases {
                let sandbox = try await registry.create(NewSandbox(template: "claude"))
                if Self.fromRest.contains(step) { try await registry.pause(sandbox) }
                let kill = Mutex<Task<Void, any Error>?>(nil)
                turns.set(before: step) {
                    kill.withLock { $0 = Task { try await registry.kill(sandbox.id) } }
                    try await retrying(every: .milliseconds(1), for: .seconds(60)) {
                        sandbox.condition == nil ? () : nil
                    }
                }
                let result = await code {
                    if Self.fromRest.contains(step) {
                        try await registry.resume(sandbox)
                    } else {
                        try await registry.pause(sandbox)
                    }
                }
                turns.clear()
                #expect(result.code == .ended, "\(step): \(String(describing: result))")
                try await kill.withLock { $0 }?.value
                #expect(registry.list().isEmpty && registry.snapshots.ids().isEmpty, "\(step)")
                #expect(place.installation.machines().isEmpty, "\(step)")
                #expect(Files.list(place.installation.home.machines).isEmpty, "\(step)")
            }
        }
    }

    @Test func `by the end of its machine ends the sandbox, or leaves it as it was saved before`() async throws {
        try await DisturbedRegistry.with { place in
            let (registry, turns) = (place.registry, place.turns)
            for isSaved in [false, true] {
                let sandbox = try await registry.create(NewSandbox(template: "claude"))
                if isSaved {
                    _ = try await said(sandbox, "echo here > /dev/shm/mark")
                    try await registry.pause(sandbox)
                    try await registry.resume(sandbox)
                }
                let machine = try #require(sandbox.stay).machine
                turns.set(before: .save) {
                    kill(machine.processID, SIGKILL)
                    try await machine.ended.value()
                }
                let result = await code { try await registry.pause(sandbox) }
                turns.clear()
                #expect(result.code == .pauseFailed)
                if isSaved {
                    try await retrying(every: .milliseconds(5), for: .seconds(60)) {
                        sandbox.condition == .paused ? () : nil
                    }
                    #expect(try await registry.resume(sandbox))
                    #expect(try await said(sandbox, "cat /dev/shm/mark") == "here\n")
                    try await registry.kill(sandbox.id)
                } else {
                    #expect(try await sandbox.ended.value() == .machineEnded)
                }
                #expect(registry.snapshots.ids().isEmpty)
            }
        }
    }

    @Test func `by a full disk goes on, and succeeds when there is space again`() async throws {
        try await DisturbedRegistry.with { place in
            let registry = place.registry
            let sandbox = try await registry.create(NewSandbox(template: "claude"))
            _ = try await said(sandbox, "head -c 8000000 /dev/urandom > /dev/shm/noise")
            let mount = place.installation.home.snapshots
            try Files.makeDirectory(mount)
            let mounted = try await Program("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", mount]).run()
            // Only root may; what the store does then is tried in its own tests.
            guard mounted.status.isSuccess else { return }
            let result = await code { try await registry.pause(sandbox) }
            let left = registry.snapshots.ids() + Files.list("\(mount)/making")
            try await Program("umount", [mount]).succeed()
            #expect(result.code == .noSpace, "\(String(describing: result))")
            #expect(left.isEmpty && sandbox.isRunning)
            #expect(try await said(sandbox, "wc -c < /dev/shm/noise").contains("8000000"))
            try await registry.pause(sandbox)
            #expect(try await registry.resume(sandbox))
        }
    }

    @Test func `by the daemon's death at any moment loses nothing`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                try await martlet.start(["--pool", "0"])
                let sandbox = try await martlet.client.call(CreateSandbox.self, .init(template: "claude"))
                try await martlet.startKeeper(in: sandbox)
                var asked = 1
                let secret = try await martlet.askKeeper(of: sandbox)
                let snapshots = martlet.home.snapshots
                // What is seen from outside when a pause has just begun to write, when it has written, and when a resume has begun.
                let moments: [(command: String, isReached: @Sendable () -> Bool)] = [
                    ("pause", { !Files.list("\(snapshots)/making").isEmpty }),
                    ("pause", { !Files.list("\(snapshots)/saved").isEmpty }),
                    ("resume", { !martlet.machines().isEmpty }),
                ]
                for (command, isReached) in moments {
                    let isPaused = try await martlet.state(of: sandbox).state == .paused
                    if command == "pause", isPaused { try await martlet.martlet(["sandbox", "resume", sandbox.id]) }
                    if command == "resume", !isPaused { try await martlet.martlet(["sandbox", "pause", sandbox.id]) }
                    _ = try await martlet.martlet(live: ["sandbox", command, sandbox.id]) { _ in
                        // It may be over before it is seen; then it is the end of something done that is tried.
                        try? await retrying(every: .milliseconds(1), for: .seconds(5)) { isReached() ? () : nil }
                        try await martlet.endDaemon(SIGKILL)
                    }
                    try await martlet.start(["--pool", "0"])
                    let found = try await martlet.state(of: sandbox)
                    #expect(martlet.machines().count == (found.state == .running ? 1 : 0), "\(command)")
                    #expect(
                        Files.list("\(snapshots)/making").isEmpty && martlet.savedSnapshots.count <= 1,
                        "\(command)"
                    )
                    let resumed = try await martlet.martlet(["sandbox", "resume", sandbox.id])
                    #expect(resumed.status == .exited(0), "\(command): \(resumed.errorText)")
                    asked += 1
                    #expect(try await martlet.askKeeper(of: sandbox) == [secret[0], "\(asked)"], "\(command)")
                }
                try await martlet.martlet(["kill", sandbox.id])
                #expect(martlet.savedSnapshots.isEmpty)
            }
        }
    }

    @Test func `ends the programs that somebody watches, and says why`() async throws {
        try await Installation.with { martlet in
            try await martlet.withSandbox { sandbox in
                let line = ["exec", sandbox.id, "--", "sh", "-c", "echo begun; sleep 1000"]
                let (output, _) = try await martlet.martlet(live: line) { program in
                    try await program.says("begun")
                    try await martlet.martlet(["sandbox", "pause", sandbox.id])
                }
                #expect(output.status != .exited(0) && output.errorText.contains("paused"), "\(output.errorText)")
                // It was not the program that was ended.
                try await martlet.martlet(["sandbox", "resume", sandbox.id])
                let found = try await martlet.exec(sandbox, "pgrep", "-f", "sleep 1000")
                #expect(found.status == .exited(0), "\(found.errorText)")
            }
        }
    }
}
