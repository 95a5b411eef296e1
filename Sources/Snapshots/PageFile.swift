import Glibc
import Linux
import Machines

/// The pages of a saved machine, in a file. What is handed out was checked first, block by block.
package struct PageFile: MemoryPages {
    package let path: String
    let tables: PageFileTables
    private let file: Descriptor

    /// Opens the file and reads what it says about itself. Blocks.
    ///
    /// - Throws: ``SnapshotError`` with `truncated` or `damaged`.
    package init(_ path: String) throws {
        self.path = path
        guard Files.exists(path) else {
            throw SnapshotError(.truncated, "The file '\(path)' of a snapshot is missing")
        }
        file = try Descriptor.open(path, O_RDONLY)
        let size = Int(Files.size(path) ?? 0)
        let trailer = try Self.read(file, PageFileTables.trailerSize, at: size - PageFileTables.trailerSize)
        let tableSize = try PageFileTables.tableSize(trailer: trailer, of: path)
        let start = size - PageFileTables.trailerSize - tableSize
        guard start >= 0 else { throw PageFileTables.damaged(path) }
        let bytes = try Self.read(file, tableSize, at: start)
        guard bytes.count == tableSize else { throw PageFileTables.damaged(path) }
        tables = try PageFileTables(bytes, trailer: trailer, of: path)
        guard tables.blocks.reduce(0, { $0 + $1.storedLength }) == start else { throw PageFileTables.damaged(path) }
    }

    package var pageCount: Int { tables.storedPages + tables.zeroPages }
    package var memoryPages: Int { tables.memoryPages }

    package func forEachBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
        try forEachZeroBlock(body)
        try forEachStoredBlock(body)
    }

    /// Reads everything and hands out nothing. Blocks.
    package func verify() throws {
        try forEachStoredBlock { _, _ in }
    }

    private func forEachZeroBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
        let runs = tables.runs.filter(\.isZero).map(\.pages)
        guard !runs.isEmpty else { return }
        let zeros = try PageBuffer(pages: MemoryBlock.pages, isPopulated: false)
        for group in runs.grouped(upTo: MemoryBlock.pages) {
            try body(group, UnsafeRawBufferPointer(rebasing: zeros.bytes[..<(group.pageCount * PageRun.pageSize)]))
        }
    }

    private func forEachStoredBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
        let stored = try PageBuffer(pages: MemoryBlock.pages, isPopulated: true)
        let plain = try PageBuffer(pages: MemoryBlock.pages, isPopulated: tables.encoding == .zstd)
        let groups = tables.runs.filter { !$0.isZero }.map(\.pages).grouped(upTo: MemoryBlock.pages)
        var offset = 0
        for (group, block) in zip(groups, tables.blocks) {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: stored.bytes[..<block.storedLength])
            let count = try check("read '\(path)'") { pread(file.raw, bytes.baseAddress, bytes.count, off_t(offset)) }
            guard count == bytes.count else {
                throw SnapshotError(.truncated, "The pages of the snapshot in '\(path)' are not whole")
            }
            guard Checksum(of: UnsafeRawBufferPointer(bytes)).value == block.checksum else {
                throw PageFileTables.damaged(path)
            }
            let length = group.pageCount * PageRun.pageSize
            if block.storedLength == length {
                try body(group, UnsafeRawBufferPointer(bytes))
            } else {
                let target = UnsafeMutableRawBufferPointer(rebasing: plain.bytes[..<length])
                guard tables.encoding == .zstd, BlockCompressor.expand(UnsafeRawBufferPointer(bytes), into: target)
                else { throw PageFileTables.damaged(path) }
                try body(group, UnsafeRawBufferPointer(target))
            }
            offset += block.storedLength
        }
    }

    private static func read(_ file: Descriptor, _ count: Int, at offset: Int) throws -> [UInt8] {
        guard offset >= 0, count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try check("read the pages of a snapshot") { pread(file.raw, &bytes, count, off_t(offset)) }
        return Array(bytes[..<read])
    }
}
