import Glibc
import GuestLink
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
import Snapshots
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a machine that runs` {
    /// Leaves something in every place that a snapshot must hold.
    private func furnish(_ machine: Resumed) async throws {
        try await machine.startKeeper()
        try await machine.shell("echo on disk > /root/disk; mkdir -p /dev/shm/x; echo in memory > /dev/shm/x/memory")
        try await machine.shell(
            "head -c 8000000 /dev/urandom > /dev/shm/x/noise; sha256sum < /dev/shm/x/noise > /root/sum"
        )
    }

    private func check(_ machine: Resumed, _ secret: [String], asked: Int) async throws {
        let answer = try await machine.ask("again")
        #expect(answer == [secret[0], "\(asked)", "again"])
        #expect(try await machine.shell("cat /root/disk /dev/shm/x/memory") == "on disk\nin memory\n")
        #expect(try await machine.shell("sha256sum < /dev/shm/x/noise | cmp - /root/sum && echo same") == "same\n")
    }

    @Test func `goes on in three others, each by itself, and in itself`() async throws {
        try await Workbench.with { bench in
            let parent = try await bench.fresh()
            try await furnish(parent)
            let secret = try await parent.ask("first")
            let checkpoint = try await parent.machine.checkpoint()
            #expect(checkpoint.pause != nil)
            let children = try await withThrowingTaskGroup(of: Resumed.self) { group in
                for _ in 0..<3 { group.addTask { try await bench.resume(checkpoint.saved, token: parent.token) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            try await check(parent, secret, asked: 2)
            for (number, child) in children.enumerated() {
                try await check(child, secret, asked: 2)
                try await child.shell(
                    "echo child \(number) > /root/disk; echo child \(number) > /dev/shm/x/memory; sync"
                )
            }
            // None sees what another writes.
            try await check(parent, secret, asked: 3)
            for (number, child) in children.enumerated() {
                #expect(
                    try await child.shell("cat /root/disk /dev/shm/x/memory") == "child \(number)\nchild \(number)\n"
                )
                // From the disk itself, not from what the guest remembers of it.
                let direct = "dd if=/root/disk iflag=direct bs=4096 status=none 2>/dev/null || cat /root/disk"
                #expect(
                    try await child.shell("echo 3 > /proc/sys/vm/drop_caches; \(direct)").hasPrefix("child \(number)\n")
                )
            }
            // Who they are, and what they roll, is their own.
            var names: Set<String> = []
            var rolls: Set<String> = []
            for machine in children + [parent] {
                names.insert(try await machine.shell("hostname; cat /etc/machine-id"))
                rolls.insert(
                    try await machine.shell("cat /proc/sys/kernel/random/uuid; head -c 16 /dev/urandom | od -An -tx1")
                )
            }
            #expect(names.count == 4)
            #expect(rolls.count == 4)
            // The token of the parent opens none of the children.
            for child in children {
                let link = GuestLink(GuestLine(to: child.machine.agentAddress), token: Secret(parent.token))
                await #expect(throws: (any Error).self) { try await link.run(GuestLink.Command("true")) }
            }
            // A child can be saved in its turn, when its parent is no more.
            await parent.machine.destroy()
            let grandchild = try await bench.resume(
                try await children[0].machine.checkpoint().saved,
                token: children[0].token
            )
            #expect(try await grandchild.shell("cat /root/disk /dev/shm/x/memory") == "child 0\nchild 0\n")
            #expect(try await grandchild.ask("third").prefix(2) == [secret[0], "3"])
            for machine in children + [grandchild] { await machine.machine.destroy() }
        }
    }

    @Test func `is saved to files and goes on from them, again and again`() async throws {
        try await Workbench.with { bench in
            var machine = try await bench.fresh()
            try await furnish(machine)
            let secret = try await machine.ask("first")
            var previous: String?
            var sizes: [Int64] = []
            // More often than disk layers are kept apart.
            for cycle in 1...10 {
                try await machine.shell(
                    "echo \(cycle) >> /root/cycles; head -c 3000000 /dev/urandom > /root/filler; sync"
                )
                let checkpoint = try await machine.machine.suspend()
                let name = "s\(cycle)"
                let manifest = try await bench.snapshots.save(checkpoint.saved, as: name, origin: bench.origin)
                await machine.machine.destroy()
                if let previous { try await bench.snapshots.remove(previous) }
                previous = name
                if cycle == 5 { try await bench.snapshots.compress(name) }
                sizes.append(manifest.size)
                #expect(manifest.layers.count <= 9)
                machine = try await bench.resume(try await bench.snapshots.open(name).saved, token: machine.token)
                try await check(machine, secret, asked: cycle + 1)
            }
            let lines = (1...10).map { "\($0)\n" }.joined()
            #expect(try await machine.shell("cat /root/cycles") == lines)
            #expect(try await machine.shell("touch /root/written; dmesg | grep -c 'EXT4-fs error' || true") == "0\n")
            // Ten times three megabytes were written to one file; no more of them stay than the kept layers hold.
            #expect((sizes.last ?? 0) < (sizes.first ?? 0) + 60_000_000, "\(sizes)")
            await machine.machine.destroy()
        }
    }

    @Test func `loses no file when its layers are merged under it, and is saved after it was found again`() async throws
    {
        try await Workbench.with { bench in
            // Forgotten afterwards, as by a daemon that ends: a monitor talks to one at a time.
            let (directory, token, sums) = try await write(bench)
            let found = try #require(try await bench.engine.adopt(directory))
            let link = GuestLink(GuestLine(to: found.agentAddress), token: Secret(token))
            let parent = Resumed(machine: found, link: link, token: token)
            #expect(try await parent.shell("cat /root/file* | wc -l") == "119991\n")
            let child = try await bench.resume(try await found.checkpoint().saved, token: token)
            #expect(try await child.shell("echo 3 > /proc/sys/vm/drop_caches; sha256sum /root/file*") == sums)
            await found.destroy()
            await child.machine.destroy()
        }
    }

    private func write(_ bench: Workbench) async throws -> (directory: String, token: String, sums: String) {
        let machine = try await bench.fresh()
        let directory = machine.machine.directory
        for number in 0..<6 {
            try await machine.shell("seq \(number) 20000 > /root/file\(number); sync")
            _ = try await machine.machine.checkpoint()
        }
        #expect(Files.list(directory).filter { $0.hasPrefix("layer-") }.count == 9)
        let sums = try await machine.shell("sha256sum /root/file*")
        try await machine.machine.mergeLayers()
        #expect(Files.list(directory).filter { $0.hasPrefix("layer-") }.count == 3)
        #expect(try await machine.shell("echo 3 > /proc/sys/vm/drop_caches; sha256sum /root/file*") == sums)
        // It stands still, and nobody is left who would let it go on.
        _ = try await machine.machine.suspend()
        return (directory, machine.token, sums)
    }

    @Test func `is not disturbed by a save that fails`() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.fresh()
            try await furnish(machine)
            let secret = try await machine.ask("first")
            // QEMU can not write the state of the devices: something else is there.
            let occupied = "\(machine.machine.directory)/device-state/occupied"
            try Files.makeDirectory(occupied)
            await #expect(throws: MachineError.self) { try await machine.machine.checkpoint() }
            try await check(machine, secret, asked: 2)
            try Files.makeDirectory(occupied)
            await #expect(throws: MachineError.self) { try await machine.machine.suspend() }
            try await check(machine, secret, asked: 3)
            #expect(Files.list(machine.machine.directory).filter { $0.hasPrefix("layer-") }.count == 3)
            let child = try await bench.resume(try await machine.machine.checkpoint().saved, token: machine.token)
            #expect(try await child.shell("cat /root/disk") == "on disk\n")
            await child.machine.destroy()
            // A suspended one that nobody ends goes on too.
            _ = try await machine.machine.suspend()
            try await machine.machine.unpause()
            #expect(try await machine.shell("cat /root/disk") == "on disk\n")
            await machine.machine.destroy()
        }
    }

    @Test func `is not there to be saved when it was killed`() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.fresh()
            let checkpoint = try await machine.machine.suspend()
            kill(machine.machine.processID, SIGKILL)
            try await machine.machine.ended.value()
            await #expect(throws: MachineError.self) {
                try await bench.snapshots.save(checkpoint.saved, as: "dead", origin: bench.origin)
            }
            await #expect(throws: MachineError.self) { try await machine.machine.checkpoint() }
            #expect(bench.snapshots.ids().isEmpty)
            await machine.machine.destroy()
        }
    }

    @Test func `is not resumed from what is damaged or another engine's`() async throws {
        try await Workbench.with { bench in
            let machine = try await bench.fresh()
            try await bench.snapshots.save(try await machine.machine.suspend().saved, as: "one", origin: bench.origin)
            await machine.machine.destroy()
            let error = try await #require(throws: MachineError.self) {
                var foreign = try await bench.snapshots.open("one").saved
                foreign.identity.build = "QEMU emulator version 1.0"
                _ = try await bench.engine.prepare(foreign, in: bench.directory())
            }
            #expect(error.code == .incompatible)
            let path = "\(bench.installation.home.snapshots)/saved/one/pages"
            var bytes = try Files.read(path)
            bytes[bytes.count / 2] ^= 4
            try Files.write(bytes, to: path)
            let saved = try await bench.snapshots.open("one").saved
            await #expect(throws: SnapshotError.self) {
                _ = try await bench.engine.prepare(saved, in: bench.directory())
            }
            #expect(Files.list(bench.installation.home.machines).isEmpty)
        }
    }
}
