import Glibc
import Linux
import Machines
import Records
import Snapshots
import Testing
import Wire

@Suite struct `a snapshot that is not what was written` {
    /// Calls `body` with a snapshot "whole" of a machine that wrote some pages, and its directory.
    private func with(_ body: (Place, String) async throws -> Void) async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 10, count: 300), 3)
            try await machine.write(PageRun(first: 400, count: 20), 0)
            let layer = try place.layer("layer", "what the guest wrote to its disk")
            try await place.store.save(
                place.saved(try place.standing(machine), layers: [layer]),
                as: "whole",
                origin: Place.origin
            )
            await machine.end()
            // The name of the layer in the machine's directory goes with the machine.
            try Files.remove(layer)
            try await body(place, "\(place.root)/home/snapshots/saved/whole")
        }
    }

    /// Opens it and reads all of it.
    private func use(_ place: Place) async throws {
        try await place.store.open("whole").saved.change?.memory.forEachBlock { _, _ in }
    }

    @Test func `is used when it is whole`() async throws {
        try await with { place, _ in
            #expect(await code { try await use(place) } == nil)
            try await place.store.compress("whole")
            #expect(await code { try await use(place) } == nil)
            #expect(try place.store.manifest("whole").pages.encoding == .zstd)
            #expect(try place.store.manifest("whole").pages.file.size < 40_000)
        }
    }

    @Test(arguments: [false, true]) func `is never used, whichever bit is another`(isCompressed: Bool) async throws {
        try await with { place, directory in
            if isCompressed { try await place.store.compress("whole") }
            var random = SystemRandomNumberGenerator()
            for name in Files.list(directory) {
                let path = "\(directory)/\(name)"
                let whole = try Files.read(path)
                // All places that are near an end, where the tables are, and some in between.
                var places = Set(0..<min(whole.count, 64)).union(max(0, whole.count - 120)..<whole.count)
                for _ in 0..<60 { places.insert(Int.random(in: 0..<whole.count, using: &random)) }
                for offset in places {
                    var bytes = whole
                    bytes[offset] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                    try Files.write(bytes, to: path)
                    let code = await code { try await use(place) }
                    #expect(
                        [.damaged, .truncated, .incompatible].contains(code),
                        "\(name) at \(offset) of \(whole.count): \(String(describing: code))"
                    )
                }
                try Files.write(whole, to: path)
            }
            #expect(await code { try await use(place) } == nil)
        }
    }

    @Test func `is never used, wherever it is cut off`() async throws {
        try await with { place, directory in
            for name in Files.list(directory) {
                let path = "\(directory)/\(name)"
                let whole = try Files.read(path)
                for count in [
                    0, 1, whole.count / 3, whole.count / 2, whole.count - 41, whole.count - 8, whole.count - 1,
                ]
                where count >= 0 {
                    try Files.write(whole[..<count], to: path)
                    let code = await code { try await use(place) }
                    #expect(code == .truncated || code == .damaged, "\(name) of \(count): \(String(describing: code))")
                }
                try Files.remove(path)
                #expect(await code { try await use(place) } == .truncated, "\(name)")
                try Files.write(whole, to: path)
            }
            for file in ["memory", "disk", "kernel"] {
                let path = "\(place.root)/home/snapshots/bases/build-1/\(file)"
                try Files.rename(path, to: "\(place.root)/aside")
                #expect(await code { try await use(place) } == .truncated, "\(file)")
                try Files.rename("\(place.root)/aside", to: path)
            }
            #expect(await code { try await use(place) } == nil)
        }
    }

    @Test func `is not used when it was only begun`() async throws {
        try await with { place, directory in
            // What a crash leaves: everything is there but the name.
            let making = "\(place.root)/home/snapshots/making"
            try Files.makeDirectory(making)
            try Files.rename(directory, to: "\(making)/abc")
            #expect(place.store.ids().isEmpty)
            #expect(await code { try await use(place) } == .notFound)
            try await place.store.sweep(keeping: ["whole"])
            #expect(!Files.exists(making))
            #expect(Files.list("\(place.root)/home/snapshots/bases").isEmpty)
        }
    }

    @Test func `leaves nothing of a compression that was killed`() async throws {
        try await with { place, directory in
            try Files.write("half".utf8, to: "\(directory)/pages.zst")
            #expect(try await place.store.sweep(keeping: ["whole"]).isEmpty)
            #expect(Files.list(directory) == ["device-state", "layer-0", "manifest", "pages"])
            #expect(try await place.store.sweep(keeping: []) == ["whole"])
            #expect(Files.list("\(place.root)/home/snapshots/bases").isEmpty)
        }
    }
}

@Suite struct `a snapshot that can not be written` {
    @Test func `leaves nothing when its machine ends in the midst of it`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 0, count: 900), 3)
            let pages = DyingPages(pages: try place.standing(machine), machine: machine)
            let saved = place.saved(pages)
            await #expect(throws: MachineError.self) {
                try await place.store.save(saved, as: "dead", origin: Place.origin)
            }
            #expect(place.store.ids().isEmpty)
            #expect(Files.list("\(place.root)/home/snapshots/making").isEmpty)
        }
    }

    /// Pages of a machine that is killed when the first were read.
    private struct DyingPages: MemoryPages {
        let pages: StandingPages
        let machine: StandIn

        func forEachBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
            var isFirst = true
            try pages.forEachBlock { runs, bytes in
                try body(runs, bytes)
                guard isFirst else { return }
                isFirst = false
                machine.child.send(SIGKILL)
                // Until its memory is gone, whoever collects it.
                var state = pollfd(fd: machine.pidfd.raw, events: Int16(POLLIN), revents: 0)
                poll(&state, 1, 60_000)
            }
        }
    }

    @Test func `leaves nothing when the disk is full, and succeeds when it no longer is`() async throws {
        guard getuid() == 0 else { return }
        let mount = "/tmp/snapshots-full-\(Random.name(8))"
        try Files.makeDirectory(mount)
        defer { try? Files.remove(mount) }
        let mounted = try await Program("mount", ["-t", "tmpfs", "-o", "size=7m", "tmpfs", mount]).run()
        guard mounted.status.isSuccess else { return }
        try await Place.with(at: mount) { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 0, count: Place.pages), 3)
            let saved = place.saved(try place.standing(machine))
            #expect(
                await code { try await place.store.save(saved, as: "big", origin: Place.origin) } == .noSpace
            )
            #expect(place.store.ids().isEmpty)
            #expect(Files.list("\(place.root)/home/snapshots/making").isEmpty)
            try await machine.copy(PageRun(first: 0, count: Place.pages))
            try await machine.write(PageRun(first: 0, count: 10), 3)
            let less = place.saved(try place.standing(machine))
            #expect(await code { try await place.store.save(less, as: "small", origin: Place.origin) } == nil)
            await machine.end()
        }
        _ = try await Program("umount", ["-l", mount]).run()
    }

    @Test func `is refused twice under one name, and under none`() async throws {
        try await Place.with { place in
            let pages = CopiedPages([])
            try await place.store.save(place.saved(pages), as: "one", origin: Place.origin)
            let failed = SnapshotError.Code.failed
            #expect(
                await code { try await place.store.save(place.saved(pages), as: "one", origin: Place.origin) } == failed
            )
            for name in ["", ".", "..", "a/b", ".hidden", "a\nb"] {
                #expect(
                    await code { try await place.store.save(place.saved(pages), as: name, origin: Place.origin) }
                        == failed
                )
                #expect(await code { _ = try await place.store.open(name) } == .notFound)
            }
            #expect(place.store.ids() == ["one"])
        }
    }
}
