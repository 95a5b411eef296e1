import CLinux
import Glibc

/// A private mapping of a file in another process, and the pages that are that process's own: those it has written.
///
/// The process must be a child of this one, or this one root, where Linux restricts tracing (Yama). Everything here blocks
/// for as long as copying takes.
package struct ProcessMemory: Sendable {
    package let process: Int32
    package let pageCount: Int
    private let start: UInt64

    /// Finds the mapping of the file at `path`, which must be mapped from its beginning.
    ///
    /// - Throws: ``LinuxError`` of the code `notFound` when the process maps it not, or not privately.
    package init(of process: Int32, mapping path: String) throws(LinuxError) {
        var status = stat()
        try check("look at '\(path)'") { stat(path, &status) }
        let maps = String(decoding: try Files.read("/proc/\(process)/maps"), as: UTF8.self)
        for line in maps.split(separator: "\n") {
            // start-end rights offset device inode path
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count == 6, fields[4] == "\(status.st_ino)", fields[1].hasSuffix("p"),
                UInt64(fields[2], radix: 16) == 0
            else { continue }
            let range = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard range.count == 2, range[0] < range[1] else { continue }
            self.process = process
            start = range[0]
            pageCount = Int(range[1] - range[0]) / PageRun.pageSize
            return
        }
        throw LinuxError(.notFound, "Process \(process) does not map '\(path)' as its own")
    }

    private var end: UInt64 { start + UInt64(pageCount * PageRun.pageSize) }

    /// The pages that the process has written, in ascending order. What they hold may change until the process is stopped.
    package func privateRuns() throws(LinuxError) -> [PageRun] {
        do {
            return try privateRuns(clinux_scan_private)
        } catch  where error.code == .init(rawValue: ENOTTY) || error.code == .init(rawValue: EINVAL) {
            return try privateRuns(clinux_read_pagemap)
        }
    }

    /// The same on a Linux before 6.7.
    package func privateRunsByPage() throws(LinuxError) -> [PageRun] {
        try privateRuns(clinux_read_pagemap)
    }

    private typealias Scan = (
        Int32, UInt64, UnsafeMutablePointer<UInt64>?, UInt64, UnsafeMutablePointer<clinux_run>?, Int
    ) -> Int

    private func privateRuns(_ scan: Scan) throws(LinuxError) -> [PageRun] {
        let pagemap = try Descriptor.open("/proc/\(process)/pagemap", O_RDONLY)
        var all: [PageRun] = []
        var found = [clinux_run](repeating: clinux_run(), count: 8192)
        var next = start
        while next < end {
            let count = try check("find the pages of process \(process)") {
                scan(pagemap.raw, start, &next, end, &found, found.count)
            }
            for run in found[..<count] {
                let run = PageRun(first: Int(run.first), count: Int(run.count))
                // A run may go on where the last call ended.
                if let last = all.last, last.end == run.first {
                    all[all.count - 1].count += run.count
                } else {
                    all.append(run)
                }
            }
        }
        return all
    }

    /// Copies whole runs out, one behind the other.
    package func read(_ runs: some Collection<PageRun>, into bytes: UnsafeMutableRawBufferPointer) throws(LinuxError) {
        let raw = try checked(runs, fit: bytes.count)
        try check("read the memory of process \(process)") {
            clinux_read_pages(process, bytes.baseAddress, start, raw, raw.count)
        }
    }

    /// Copies whole runs in, one behind the other.
    package func write(_ runs: some Collection<PageRun>, from bytes: UnsafeRawBufferPointer) throws(LinuxError) {
        let raw = try checked(runs, fit: bytes.count)
        try check("write the memory of process \(process)") {
            clinux_write_pages(process, bytes.baseAddress, start, raw, raw.count)
        }
    }

    /// Runs may come from a file: one that leaves the mapping would read or write something else.
    private func checked(_ runs: some Collection<PageRun>, fit size: Int) throws(LinuxError) -> [clinux_run] {
        var total = 0
        for run in runs {
            guard run.first >= 0, run.count > 0, run.first <= pageCount, run.count <= pageCount - run.first else {
                throw LinuxError(
                    .init(rawValue: ERANGE),
                    "There is no page \(run.end) in a mapping of \(pageCount) pages"
                )
            }
            total += run.byteCount
        }
        guard total <= size else {
            throw LinuxError(.init(rawValue: ERANGE), "\(total) bytes of pages do not fit into \(size)")
        }
        return runs.map { clinux_run(first: UInt64($0.first), count: UInt64($0.count)) }
    }
}
