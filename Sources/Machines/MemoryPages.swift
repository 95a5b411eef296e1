import Linux

/// The pages of a machine that differ from the file its memory comes from.
package protocol MemoryPages: Sendable {
    /// Calls `body` with some of the runs and what is in them, one behind the other, until it had all. The bytes are valid
    /// during the call only. Blocks.
    func forEachBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws
}

/// How many pages are moved at once: as many as a processor's cache holds.
package enum MemoryBlock {
    package static let pages = 256
}

/// Pages that were copied out of a machine, which went on.
package struct CopiedPages: MemoryPages {
    private let parts: [(runs: [PageRun], buffer: PageBuffer)]

    /// - Parameter parts: runs, and a buffer with what is in them, one behind the other.
    package init(_ parts: [(runs: [PageRun], buffer: PageBuffer)]) {
        self.parts = parts
    }

    package var pageCount: Int { parts.reduce(0) { $0 + $1.runs.pageCount } }

    package func forEachBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
        for (runs, buffer) in parts {
            var offset = 0
            for group in runs.grouped(upTo: MemoryBlock.pages) {
                let length = group.pageCount * PageRun.pageSize
                try body(group, UnsafeRawBufferPointer(rebasing: buffer.bytes[offset..<(offset + length)]))
                offset += length
            }
        }
    }
}

/// The pages of a machine that stands still: they are read when they are asked for, and are what they were as long as it
/// does.
package struct StandingPages: MemoryPages {
    private let memory: ProcessMemory
    private let runs: [PageRun]

    package init(_ memory: ProcessMemory, _ runs: [PageRun]) {
        self.memory = memory
        self.runs = runs
    }

    package func forEachBlock(_ body: ([PageRun], UnsafeRawBufferPointer) throws -> Void) throws {
        let buffer = try PageBuffer(pages: MemoryBlock.pages, isPopulated: true)
        for group in runs.grouped(upTo: MemoryBlock.pages) {
            let bytes = UnsafeMutableRawBufferPointer(
                rebasing: buffer.bytes[..<(group.pageCount * PageRun.pageSize)]
            )
            do {
                try memory.read(group, into: bytes)
            } catch {
                throw MachineError(.gone, "The machine ended while its memory was read", cause: error)
            }
            try body(group, UnsafeRawBufferPointer(bytes))
        }
    }
}
