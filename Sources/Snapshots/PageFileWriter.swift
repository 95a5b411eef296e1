import CLinux
import Glibc
import Linux
import Machines

/// Writes the pages of a machine that differ from the file below them. Blocks.
///
/// Left out are pages that hold what the file below holds, which a guest has written and written back; pages of zeros are
/// named but not stored.
final class PageFileWriter {
    private let file: Descriptor
    /// The memory that the pages are told against.
    private let base: Descriptor
    private var tables: PageFileTables
    private let below: PageBuffer
    private let block: PageBuffer
    private var pagesInBlock = 0
    private var written = 0

    /// - Parameters:
    ///   - path: the file; nothing may be there yet.
    ///   - base: the path of the memory that the pages are told against.
    init(_ path: String, base: String, memoryPages: Int, encoding: PageEncoding) throws {
        file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        self.base = try Descriptor.open(base, O_RDONLY)
        tables = PageFileTables(encoding: encoding, memoryPages: memoryPages)
        below = try PageBuffer(pages: MemoryBlock.pages, isPopulated: true)
        block = try PageBuffer(pages: MemoryBlock.pages, isPopulated: true)
    }

    /// Adds runs, of at most a block together, and what is in them. Pages that are not zero come in ascending order.
    func add(_ runs: [PageRun], _ bytes: UnsafeRawBufferPointer) throws {
        var offset = 0
        for run in runs {
            try readBelow(run)
            for index in 0..<run.count {
                let page = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + PageRun.pageSize)])
                offset += PageRun.pageSize
                guard let start = page.baseAddress, let old = below.bytes.baseAddress else { continue }
                if memcmp(start, old + index * PageRun.pageSize, PageRun.pageSize) == 0 { continue }
                let number = PageRun(first: run.first + index, count: 1)
                if Self.isZero(page) {
                    tables.add(number, isZero: true)
                } else {
                    tables.add(number, isZero: false)
                    (block.bytes.baseAddress ?? .init(mutating: start)).advanced(by: pagesInBlock * PageRun.pageSize)
                        .copyMemory(from: start, byteCount: PageRun.pageSize)
                    pagesInBlock += 1
                    if pagesInBlock == MemoryBlock.pages { try flush() }
                }
            }
        }
    }

    /// Writes the tables and puts everything on disk.
    ///
    /// - Returns: what was written, and its size.
    func finish() throws -> (tables: PageFileTables, size: Int64) {
        try flush()
        // Blocks hold pages in the order of the runs; pages of zeros may have come at another time.
        tables.runs.sort { $0.pages.first < $1.pages.first }
        try file.writeAll(tables.encoded)
        try check("write pages to disk") { fsync(file.raw) }
        return (tables, Int64(written + tables.encoded.count))
    }

    private func readBelow(_ run: PageRun) throws {
        guard run.count <= MemoryBlock.pages else {
            throw SnapshotError(.failed, "A run of \(run.count) pages is longer than a block")
        }
        let count = try check("read the memory of a template") {
            pread(base.raw, below.bytes.baseAddress, run.byteCount, off_t(run.first * PageRun.pageSize))
        }
        guard count == run.byteCount else {
            throw SnapshotError(.truncated, "The template's memory has no page \(run.end - 1): it is not whole")
        }
    }

    private static func isZero(_ page: UnsafeRawBufferPointer) -> Bool {
        guard let start = page.baseAddress, start.load(as: UInt64.self) == 0 else { return false }
        // Equal to itself, moved by one word: all words are the first.
        return memcmp(start, start + 8, page.count - 8) == 0
    }

    private func flush() throws {
        guard pagesInBlock > 0 else { return }
        let plain = UnsafeRawBufferPointer(rebasing: block.bytes[..<(pagesInBlock * PageRun.pageSize)])
        if tables.encoding == .zstd, let packed = BlockCompressor.compress(plain) {
            try packed.withUnsafeBytes { try store($0) }
        } else {
            try store(plain)
        }
        pagesInBlock = 0
    }

    private func store(_ bytes: UnsafeRawBufferPointer) throws {
        try file.writeAll(bytes)
        // Begun now, so that little is left to wait for at the end. It only saves time.
        _ = clinux_start_writing(file.raw, Int64(written), Int64(bytes.count))
        tables.blocks.append(.init(storedLength: bytes.count, checksum: Checksum(of: bytes).value))
        written += bytes.count
    }
}
