import Linux
import Machines
import Testing
import Wire

@testable import QEMUMachines

@Suite struct `a disk of layers` {
    /// What QEMU tells of layers with these numbers of others under them.
    private func nodes(_ depths: [Int: Int]) -> JSONValue {
        .array(
            depths.flatMap { number, depth -> [JSONValue] in
                [
                    [
                        "node-name": .string("layer-\(number)"), "backing_file_depth": .integer(Int64(depth)),
                        "file": "json:{}",
                    ],
                    [
                        "node-name": .string("layer-\(number)-file"), "backing_file_depth": 0,
                        "file": .string("layer-\(number)"),
                    ],
                ]
            } + [["node-name": "#block123", "file": "other"]]
        )
    }

    private func read(_ depths: [Int: Int]) -> (chain: DiskChain?, unused: [Int]) {
        var unused: [DiskChain.Layer] = []
        let chain = DiskChain(named: nodes(depths), unused: &unused)
        return (chain, unused.map(\.number).sorted())
    }

    @Test func `is found again as it was`() throws {
        let (chain, unused) = read([0: 0, 1: 1, 2: 2, 3: 3, 4: 4])
        #expect(chain?.frozen.map(\.number) == [0, 1, 2, 3])
        #expect(chain?.active.number == 4)
        #expect(chain?.ofCheckpoints.map(\.file) == ["layer-2", "layer-3"])
        #expect(unused == [])
    }

    @Test func `is found again without a layer that was to come on top`() {
        let (chain, unused) = read([0: 0, 1: 1, 2: 2, 3: 0])
        #expect(chain?.active.number == 2)
        #expect(unused == [3])
    }

    @Test func `is found again without layers that were merged`() {
        let (chain, unused) = read([0: 0, 1: 1, 2: 2, 3: 3, 5: 2])
        #expect(chain?.frozen.map(\.number) == [0, 1])
        #expect(chain?.active.number == 5)
        #expect(unused == [2, 3])
        #expect(chain?.next.number == 6)
    }

    @Test func `is not found where there is another`() {
        #expect(read([:]).chain == nil)
        #expect(read([0: 0, 1: 1]).chain == nil)
        // Something in the middle is missing.
        #expect(read([0: 0, 1: 1, 3: 3, 4: 4]).chain == nil)
    }

    @Test func `grows at the top and is merged at the bottom`() {
        var chain = DiskChain(on: "root", "template")
        #expect(chain.ofCheckpoints.isEmpty)
        for _ in 0..<8 { chain.advance() }
        #expect(chain.isTooLong)
        #expect(chain.active.file == "layer-108")
        chain.merged()
        #expect(chain.frozen.map(\.file) == ["root", "template"])
        #expect(chain.next.number == 109)
    }

    @Test func `takes layers of another machine under its own`() throws {
        var chain = DiskChain(on: "root", "template")
        let places = try chain.places(for: 3)
        #expect(places.map(\.file) == ["layer-2", "layer-3", "layer-4"])
        chain.insert(places)
        #expect(chain.ofCheckpoints == places)
        #expect(chain.base.file == "template")
        #expect(throws: MachineError.self) { try chain.places(for: 1) }
        #expect(throws: MachineError.self) { try DiskChain(on: "root", "template").places(for: 99) }
    }

    @Test func `begins with layers that QEMU's own tools find in order`() async throws {
        let path = "/tmp/layer-\(Random.name(8))"
        defer { try? Files.remove(path) }
        for size in [1 << 20, 8 << 30, 3 << 40] as [UInt64] {
            try DiskLayer.create(at: path, size: size)
            #expect(try DiskLayer.diskSize(path) == size)
            let check = try await Program("qemu-img", ["check", path]).run()
            #expect(check.status.isSuccess, "\(size): \(check.text) \(check.errorText)")
            let info = try JSONValue(
                parsing: try await Program("qemu-img", ["info", "--output", "json", path]).run().output
            )
            #expect(info["virtual-size"]?.integer == Int64(size))
            try Files.remove(path)
        }
        try Files.write([UInt8](repeating: 0, count: 100), to: path)
        #expect(throws: MachineError.self) { try DiskLayer.diskSize(path) }
    }
}

@Suite struct `the state of devices` {
    @Test func `is refused when it is not QEMU's`() {
        for bytes in [
            [], Array("QEVM".utf8), Array("QEVM".utf8) + [0, 0, 0, 4, 1, 0], Array("QEVM".utf8) + [0, 0, 0, 3, 4],
        ] {
            #expect(throws: MachineError.self) { try DeviceState.migration(of: bytes) }
        }
    }
}
