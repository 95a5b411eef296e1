import Linux
import Machines

// The form of a page file, all integers little-endian:
//
//     block … block                  each: up to 256 pages, one behind the other, compressed where that is shorter
//     run … run                      8 bytes each: first page (4), number of pages (4, the top bit: all zero, not stored)
//     entry … entry                  8 bytes for each block: stored length (4), CRC-32C of what is stored (4)
//     trailer                        40 bytes: magic (8), version, encoding, pages of the memory, runs, blocks (4 each),
//                                    zero (4), CRC-32C of runs and entries (4), CRC-32C of the trailer before this (4)
//
// A writer learns only while it writes which pages are left out, so the tables come last. A reader begins at the end: a file
// that was cut off has no trailer.

/// What a page file says about its blocks.
struct PageFileTables: Sendable {
    static let magic: [UInt8] = Array("MRTPAGES".utf8)
    static let version: UInt32 = 1
    static let trailerSize = 40

    struct Run: Sendable, Hashable {
        var pages: PageRun
        var isZero: Bool
    }

    struct Block: Sendable, Hashable {
        var storedLength: Int
        var checksum: UInt32
    }

    var encoding: PageEncoding
    /// The size of the memory that the pages are of.
    var memoryPages: Int
    var runs: [Run] = []
    var blocks: [Block] = []

    var storedPages: Int { runs.reduce(0) { $0 + ($1.isZero ? 0 : $1.pages.count) } }
    var zeroPages: Int { runs.reduce(0) { $0 + ($1.isZero ? $1.pages.count : 0) } }

    /// Appends pages; those that continue the last run make it longer.
    mutating func add(_ pages: PageRun, isZero: Bool) {
        if let last = runs.last, last.isZero == isZero, last.pages.end == pages.first {
            runs[runs.count - 1].pages.count += pages.count
        } else {
            runs.append(Run(pages: pages, isZero: isZero))
        }
    }

    // MARK: Bytes

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity((runs.count + blocks.count) * 8 + Self.trailerSize)
        for run in runs {
            bytes.add(UInt32(run.pages.first))
            bytes.add(UInt32(run.pages.count) | (run.isZero ? 1 << 31 : 0))
        }
        for block in blocks {
            bytes.add(UInt32(block.storedLength))
            bytes.add(block.checksum)
        }
        let tables = bytes.withUnsafeBytes { Checksum(of: $0) }
        var trailer = Self.magic
        for word in [
            Self.version, encoding.rawValue, UInt32(memoryPages), UInt32(runs.count), UInt32(blocks.count), 0,
            tables.value,
        ] {
            trailer.add(word)
        }
        trailer.add(trailer.withUnsafeBytes { Checksum(of: $0) }.value)
        return bytes + trailer
    }

    /// How many bytes of runs and entries come before a trailer.
    ///
    /// - Throws: ``SnapshotError/Code/truncated`` for what is no trailer, ``SnapshotError/Code/damaged`` for one that changed.
    static func tableSize(trailer: [UInt8], of path: String) throws(SnapshotError) -> Int {
        guard trailer.count == trailerSize, trailer.starts(with: magic) else {
            throw SnapshotError(
                .truncated,
                "The pages of the snapshot in '\(path)' are not whole: their end is missing"
            )
        }
        let sum = trailer[..<(trailerSize - 4)].withUnsafeBytes { Checksum(of: $0) }
        guard sum.value == trailer.word(trailerSize - 4) else { throw damaged(path) }
        guard trailer.word(8) == version else {
            throw SnapshotError(.incompatible, "The pages of the snapshot in '\(path)' were written by another version")
        }
        return (Int(trailer.word(20)) + Int(trailer.word(24))) * 8
    }

    /// Reads tables whose trailer was looked at.
    init(_ tables: [UInt8], trailer: [UInt8], of path: String) throws(SnapshotError) {
        let sum = tables.withUnsafeBytes { Checksum(of: $0) }
        guard let encoding = PageEncoding(rawValue: trailer.word(12)), sum.value == trailer.word(32) else {
            throw Self.damaged(path)
        }
        self.init(encoding: encoding, memoryPages: Int(trailer.word(16)))
        var end = 0
        for index in 0..<Int(trailer.word(20)) {
            let (first, word) = (Int(tables.word(index * 8)), tables.word(index * 8 + 4))
            let run = PageRun(first: first, count: Int(word & ~(1 << 31)))
            guard run.first >= end, run.count > 0, run.end <= memoryPages else { throw Self.damaged(path) }
            end = run.end
            runs.append(Run(pages: run, isZero: word >> 31 == 1))
        }
        for index in runs.count..<(runs.count + Int(trailer.word(24))) {
            let length = Int(tables.word(index * 8))
            guard length <= MemoryBlock.pages * PageRun.pageSize else { throw Self.damaged(path) }
            blocks.append(Block(storedLength: length, checksum: tables.word(index * 8 + 4)))
        }
        guard blocks.count == (storedPages + MemoryBlock.pages - 1) / MemoryBlock.pages else {
            throw Self.damaged(path)
        }
    }

    init(encoding: PageEncoding, memoryPages: Int) {
        self.encoding = encoding
        self.memoryPages = memoryPages
    }

    static func damaged(_ path: String) -> SnapshotError {
        SnapshotError(.damaged, "The pages of the snapshot in '\(path)' are not what was written; it can not be used")
    }
}

extension [UInt8] {
    fileprivate mutating func add(_ word: UInt32) {
        Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate func word(_ offset: Int) -> UInt32 {
        self[offset..<(offset + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
