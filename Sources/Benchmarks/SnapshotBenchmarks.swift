import FoundationEssentials
import GuestLink
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
import Snapshots
import Wire

/// What it costs to save a running machine that has written 30 MiB, and to go on from it: the engine's part, without the
/// daemon.
struct SnapshotBenchmarks: Sendable {
    let home: Home
    let isQuick: Bool

    /// A machine that runs, and what opens its guest.
    private struct Guest: Sendable {
        let machine: any Machine
        let link: GuestLink
        let token: String
    }

    private var rounds: Int { isQuick ? 4 : 15 }

    func all() async throws -> [Measurement] {
        let place = "\(home.path)/bench-\(Random.name(8))"
        let bench = Bench(
            home: home,
            engine: try await QEMUEngine.detect(memory: home.probe),
            template: try TemplateStore(home).template("claude"),
            store: SnapshotStore(Home(place))
        )
        defer { try? Files.remove(place) }
        try Files.makeDirectory(home.machines)
        return try await forks(bench) + pauses(bench)
    }

    // MARK: Forks

    private func forks(_ bench: Bench) async throws -> [Measurement] {
        var pause = Measurement("fork.pause", "fork: the parent stands still", .milliseconds, target: 60, goal: 10)
        var taken = Measurement("fork.checkpoint", "  the call that saves it", .milliseconds)
        var answer = Measurement(
            "fork.answer",
            "fork: a child has its identity and answers",
            .milliseconds,
            target: 150,
            goal: 100
        )
        var command = Measurement("fork.command", "  and its first command is done", .milliseconds)
        var eight = Measurement("fork.eight", "fork: eight children answer", .milliseconds, target: 1000)
        let parent = try await bench.fresh()
        do {
            let clock = ContinuousClock()
            for round in 0...rounds {
                try await bench.write(parent)
                let start = clock.now
                // The child's engine starts while its parent is saved.
                async let waiting = bench.wait()
                let checkpoint = try await parent.machine.checkpoint()
                let saved = clock.now
                let child = try await bench.resume(checkpoint.saved, parent.token, in: try await waiting)
                let answered = clock.now
                _ = try await child.link.run(GuestLink.Command("true"))
                let done = clock.now
                await child.machine.destroy()
                // The first one translates in the engine what all others find there.
                if round == 0 { continue }
                if let time = checkpoint.pause { pause.add(time) }
                taken.add(saved - start)
                answer.add(answered - start)
                command.add(done - start)
            }
            for _ in 0..<max(2, rounds / 4) {
                try await bench.write(parent)
                let start = clock.now
                let checkpoint = try await parent.machine.checkpoint()
                let children = try await withThrowingTaskGroup(of: Guest.self) { group in
                    for _ in 0..<8 {
                        group.addTask {
                            try await bench.resume(checkpoint.saved, parent.token, in: try await bench.wait())
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                eight.add(clock.now - start)
                for child in children { await child.machine.destroy() }
            }
        } catch {
            await parent.machine.destroy()
            throw error
        }
        await parent.machine.destroy()
        return [pause, taken, answer, command, eight]
    }

    // MARK: Pauses

    private func pauses(_ bench: Bench) async throws -> [Measurement] {
        var pause = Measurement("pause", "pause, until all is on disk", .milliseconds, target: 150, goal: 60)
        var suspend = Measurement("pause.suspend", "  of it until the machine stands", .milliseconds)
        var answer = Measurement(
            "resume.answer",
            "resume, until the guest answers",
            .milliseconds,
            target: 200,
            goal: 100
        )
        var waiting = Measurement("resume.waiting", "  the same with an engine that waited", .milliseconds, goal: 100)
        var command = Measurement("resume.command", "  and its first command is done", .milliseconds)
        var own = Measurement("snapshot.pages", "pages in a snapshot", .mebibytes)
        var size = Measurement("snapshot.size", "snapshot, of pages and disk layers", .percent, target: 110)
        var compress = Measurement("snapshot.compress", "compressing it when it rests", .milliseconds)
        var compressed = Measurement("snapshot.compressed", "compressed, of its size before", .percent)
        var guest = try await bench.fresh()
        do {
            let clock = ContinuousClock()
            for round in 0...rounds {
                try await bench.write(guest)
                let id = "b\(Random.name(10))"
                let start = clock.now
                let checkpoint = try await guest.machine.suspend()
                let stands = clock.now
                let manifest = try await bench.store.save(checkpoint.saved, as: id, origin: bench.origin)
                let saved = clock.now
                await guest.machine.destroy()
                let token = guest.token
                let pooled = try await bench.wait()
                let pooling = clock.now
                guest = try await bench.resume(try await bench.store.open(id).saved, token, in: pooled)
                waiting.add(clock.now - pooling)
                await guest.machine.destroy()
                let began = clock.now
                guest = try await bench.resume(try await bench.store.open(id).saved, token, in: try await bench.wait())
                let answered = clock.now
                _ = try await guest.link.run(GuestLink.Command("true"))
                let done = clock.now
                let packing = clock.now
                try await bench.store.compress(id)
                let packed = clock.now
                let smaller = try bench.store.manifest(id).size
                try await bench.store.remove(id)
                if round == 0 { continue }
                pause.add(saved - start)
                suspend.add(stands - start)
                answer.add(answered - began)
                command.add(done - began)
                compress.add(packed - packing)
                let pages = Double((manifest.pages.stored + manifest.pages.zero) * PageRun.pageSize)
                let layers = manifest.layers.reduce(0) { $0 + $1.size }
                own.values.append(pages / 1_048_576)
                size.values.append(100 * Double(manifest.size) / (pages + Double(layers)))
                compressed.values.append(100 * Double(smaller) / Double(manifest.size))
            }
        } catch {
            await guest.machine.destroy()
            throw error
        }
        await guest.machine.destroy()
        return [pause, suspend, answer, command, waiting, own, size, compress, compressed]
    }

    /// The template, and machines that come from it.
    private struct Bench: Sendable {
        let home: Home
        let engine: QEMUEngine
        let template: Template
        let store: SnapshotStore

        var origin: SnapshotManifest.Origin {
            SnapshotManifest.Origin(
                template: template.manifest.name,
                buildID: template.manifest.buildID,
                kernel: template.manifest.contents["kernel"] ?? "",
                guestGeneration: template.manifest.guestGeneration
            )
        }

        private func directory() -> String { "\(home.machines)/c\(Random.name(12))" }

        func fresh() async throws -> Guest {
            let machine = try await engine.prepare(template.saved, in: directory()).resume()
            do {
                let identity = identity()
                let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
                let link = try await line.initialize(identity, bootstrap: template.bootstrap)
                _ = try await link.run(GuestLink.Command("true"))
                return Guest(machine: machine, link: link, token: identity.accessToken)
            } catch {
                await machine.destroy()
                throw error
            }
        }

        /// Starts an engine that waits to hear what it is to go on as.
        func wait() async throws -> any PreparedMachine {
            try await engine.prepare(template.saved, in: directory())
        }

        /// Goes on from a saved machine, under another identity.
        func resume(_ saved: SavedMachine, _ token: String, in waiting: any PreparedMachine) async throws -> Guest {
            let machine: any Machine
            do {
                if let change = saved.change { try await waiting.become(change) }
                machine = try await waiting.resume()
            } catch {
                await waiting.discard()
                throw error
            }
            do {
                let identity = identity()
                let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
                let link = try await line.renew(identity, token: Secret(token))
                return Guest(machine: machine, link: link, token: identity.accessToken)
            } catch {
                await machine.destroy()
                throw error
            }
        }

        /// Has the guest write to 30 MiB of its memory and to its disk.
        func write(_ guest: Guest) async throws {
            let script =
                "head -c 8000000 /dev/urandom > /dev/shm/noise; head -c 500000 /dev/urandom > /root/noise; sync"
            let result = try await guest.link.run(GuestLink.Command("/bin/sh", ["-c", script], user: "root"))
            guard result.status == 0 else { throw BenchmarkError("the guest could not write: \(result.statusText)") }
        }

        private func identity() -> GuestIdentity {
            GuestIdentity(
                accessToken: Random.hex(32),
                timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
                entropy: .init(Random.bytes(64)),
                hostname: "bench",
                machineID: Random.hex(16),
                envVars: template.manifest.environment,
                defaultUser: template.manifest.user
            )
        }
    }
}
