import Glibc
import Linux
import Machines

/// One file of a machine's disk: what was written since the layer below it was closed.
///
/// Layers are in QEMU's format qcow2 and say nothing about what is below them; whoever opens one says it. So they can be
/// moved, and an empty one is made without a program.
///
/// <https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt>
enum DiskLayer {
    private static let magic: UInt32 = 0x5146_49FB
    private static let clusterBits: UInt32 = 16
    private static let cluster = 1 << 16

    /// Makes an empty layer for a disk of `size` bytes: a header, a table and a block of reference counts, and a table of
    /// clusters that has no entry yet.
    static func create(at path: String, size: UInt64) throws(LinuxError) {
        let perTable = UInt64(cluster) * UInt64(cluster / 8)
        let entries = UInt32((size + perTable - 1) / perTable)
        let tableClusters = (Int(entries) * 8 + cluster - 1) / cluster
        var header = Bytes()
        header.add(magic)
        header.add(3 as UInt32)  // version
        header.add(0 as UInt64)  // the backing file's name: none
        header.add(0 as UInt32)
        header.add(clusterBits)
        header.add(size)
        header.add(0 as UInt32)  // not encrypted
        header.add(entries)
        header.add(UInt64(3 * cluster))  // where the table of clusters is
        header.add(UInt64(cluster))  // where the table of reference counts is
        header.add(1 as UInt32)  // its clusters
        header.add(0 as UInt32)  // internal snapshots: none
        header.add(0 as UInt64)
        for _ in 0..<3 { header.add(0 as UInt64) }  // features: none
        header.add(4 as UInt32)  // reference counts of 16 bits
        header.add(104 as UInt32)  // the header's length
        header.add(0 as UInt64)  // no extensions
        let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        try file.writeAll(header.all + [UInt8](repeating: 0, count: cluster - header.all.count))
        var counts = Bytes()
        counts.add(UInt64(2 * cluster))
        try file.writeAll(counts.all + [UInt8](repeating: 0, count: cluster - counts.all.count))
        var block = Bytes()
        for _ in 0..<(3 + tableClusters) { block.add(1 as UInt16) }
        try file.writeAll(block.all + [UInt8](repeating: 0, count: cluster - block.all.count))
        try check("give '\(path)' its size") { ftruncate(file.raw, off_t((3 + tableClusters) * cluster)) }
    }

    /// The size of the disk that the layer at `path` belongs to.
    ///
    /// - Throws: ``MachineError/Code/startFailed`` when it is no layer.
    static func diskSize(_ path: String) throws -> UInt64 {
        let header = try Descriptor.open(path, O_RDONLY).read(upTo: 32)
        guard header.count == 32, header[..<4].reduce(0 as UInt32, { $0 << 8 | UInt32($1) }) == magic else {
            throw MachineError(.startFailed, "Could not make a disk on top of '\(path)': it is not in the format qcow2")
        }
        return header[24..<32].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Integers, the highest byte first.
    private struct Bytes {
        var all: [UInt8] = []

        mutating func add(_ integer: some FixedWidthInteger) {
            withUnsafeBytes(of: integer.bigEndian) { all += $0 }
        }
    }
}
