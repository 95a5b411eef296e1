import Glibc
import Linux
import Machines
import Snapshots
import Testing
import Wire

let currentGeneration = GuestProtocol.generation

@Suite struct `pages of a process` {
    @Test func `are its own once it has written them, and are found in both ways`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            #expect(try machine.memory.privateRuns().isEmpty)
            try await machine.write(PageRun(first: 3, count: 4), 7)
            try await machine.write(PageRun(first: 7, count: 1), 8)
            try await machine.write(PageRun(first: Place.pages - 1, count: 1), 9)
            let expected = [PageRun(first: 3, count: 5), PageRun(first: Place.pages - 1, count: 1)]
            #expect(try machine.memory.privateRuns() == expected)
            #expect(try machine.memory.privateRunsByPage() == expected)
            #expect(try machine.page(6) == [UInt8](repeating: 7, count: PageRun.pageSize))
            await machine.end()
        }
    }

    @Test func `are found when every second one is written`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            for page in stride(from: 0, to: 400, by: 2) { try await machine.write(PageRun(first: page, count: 1), 1) }
            let runs = try machine.memory.privateRuns()
            #expect(runs == stride(from: 0, to: 400, by: 2).map { PageRun(first: $0, count: 1) })
            #expect(runs.grouped(upTo: 64).map(\.pageCount) == [64, 64, 64, 8])
            await machine.end()
        }
    }

    @Test func `outside of its memory are refused`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            let buffer = try PageBuffer(pages: 2, isPopulated: false)
            for run in [(Place.pages, 1), (Place.pages - 1, 2), (-1, 1), (0, 0), (1, Int.max / 8192)] {
                #expect(throws: LinuxError.self) {
                    try machine.memory.write([PageRun(first: run.0, count: run.1)], from: .init(buffer.bytes))
                }
            }
            #expect(throws: LinuxError.self) { try ProcessMemory(of: machine.child.pid, mapping: "/bin/sh") }
            await machine.end()
        }
    }
}

@Suite struct `a machine that is saved again and again` {
    /// The life of one machine: random writes, a snapshot, the end, and another process that goes on from the snapshot.
    @Test func `is the same every time, and costs what differs from the template`() async throws {
        try await Place.with { place in
            var random = SystemRandomNumberGenerator()
            let below = try Files.read(place.memory)
            var expected = below
            var previous: String?
            var layers: [String] = []
            for cycle in 0..<120 {
                let machine = try await StandIn(on: place.memory)
                if let previous { try fill(machine, try await place.store.open(previous).saved.change) }
                #expect(try machine.contents() == expected, "cycle \(cycle)")
                for _ in 0..<Int.random(in: 0...12, using: &random) {
                    let first = Int.random(in: 0..<Place.pages, using: &random)
                    let run = PageRun(
                        first: first,
                        count: min(Int.random(in: 1...40, using: &random), Place.pages - first)
                    )
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0:
                        try await machine.copy(run)
                        let range = (run.first * PageRun.pageSize)..<(run.end * PageRun.pageSize)
                        expected.replaceSubrange(range, with: below[range])
                    default:
                        let byte = UInt8.random(in: 0...3, using: &random)
                        try await machine.write(run, byte)
                        let range = (run.first * PageRun.pageSize)..<(run.end * PageRun.pageSize)
                        expected.replaceSubrange(range, with: [UInt8](repeating: byte, count: range.count))
                    }
                }
                layers = [try place.layer("disk-\(cycle)", "layer of \(cycle)")]
                let name = "s\(cycle)"
                let manifest = try await place.store.save(
                    place.saved(try place.standing(machine), layers: layers),
                    as: name,
                    origin: Place.origin
                )
                await machine.end()
                if let previous { try await place.store.remove(previous) }
                previous = name
                if cycle % 7 == 0 { try await place.store.compress(name) }
                // Exactly the pages that differ now, however often they were written before.
                let (differing, zeros) = Self.count(expected, differingFrom: below)
                #expect(manifest.pages.stored == differing, "cycle \(cycle)")
                #expect(manifest.pages.zero == zeros, "cycle \(cycle)")
                #expect(
                    manifest.pages.file.size <= Int64(differing * PageRun.pageSize + manifest.pages.runs * 8 + 4096)
                )
            }
            // Nothing is left of the hundred that went before.
            let last = try #require(previous)
            #expect(place.store.ids() == [last])
            #expect(Files.list("\(place.root)/home/snapshots/making").isEmpty)
            #expect(Files.list("\(place.root)/home/snapshots/bases") == ["build-1"])
            let disk = try await place.store.open(last).saved.change?.layers.map { try Files.read($0) }
            #expect(disk == [Array("layer of 119".utf8)])
            try await place.store.remove(last)
            #expect(Files.list("\(place.root)/home/snapshots/bases").isEmpty)
        }
    }

    /// How many pages are others than below: those with something in them, and those of zeros.
    private static func count(_ memory: [UInt8], differingFrom below: [UInt8]) -> (differing: Int, zero: Int) {
        let zeroPage = [UInt8](repeating: 0, count: PageRun.pageSize)
        var (differing, zeros) = (0, 0)
        memory.withUnsafeBytes { memory in
            below.withUnsafeBytes { below in
                for page in stride(from: 0, to: memory.count, by: PageRun.pageSize) {
                    guard let one = memory.baseAddress, let other = below.baseAddress,
                        memcmp(one + page, other + page, PageRun.pageSize) != 0
                    else { continue }
                    if memcmp(one + page, zeroPage, PageRun.pageSize) == 0 { zeros += 1 } else { differing += 1 }
                }
            }
        }
        return (differing, zeros)
    }

    @Test func `does not miss its template when that is removed`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 5, count: 2), 77)
            try await place.store.save(place.saved(try place.standing(machine)), as: "kept", origin: Place.origin)
            await machine.end()
            try Files.remove(place.template)
            let saved = try await place.store.open("kept").saved
            let other = try await StandIn(on: saved.memory)
            try fill(other, saved.change)
            #expect(try other.page(6) == [UInt8](repeating: 77, count: PageRun.pageSize))
            await other.end()
        }
    }

    @Test func `is copied, and goes on`() async throws {
        try await Place.with { place in
            let machine = try await StandIn(on: place.memory)
            try await machine.write(PageRun(first: 0, count: 700), 5)
            let runs = try machine.memory.privateRuns()
            let buffer = try PageBuffer(pages: runs.pageCount, isPopulated: true)
            try machine.memory.read(runs, into: buffer.bytes)
            let copied = CopiedPages([(runs, buffer)])
            try await machine.write(PageRun(first: 0, count: 700), 6)
            try await place.store.save(place.saved(copied), as: "copy", origin: Place.origin)
            await machine.end()
            let other = try await StandIn(on: place.memory)
            try fill(other, try await place.store.open("copy").saved.change)
            #expect(try other.page(699) == [UInt8](repeating: 5, count: PageRun.pageSize))
            await other.end()
        }
    }
}
