import Glibc
import Linux
import Machines
import Sandboxes

/// Writes a machine that stands still as a template of its own.
///
/// What differs from its foundation is put into a copy of the foundation's memory, so that the new template stands on nothing
/// but its root image, and its sandboxes share its pages among them.
struct TemplateWriter: Sendable {
    /// Where to; it is made.
    let directory: String

    /// Returns when the files are there; they may not be on disk yet.
    func write(_ saved: SavedMachine, bootstrap: Secret) async throws {
        guard let change = saved.change else {
            throw TemplateError(.toolFailed, "A machine that has not run since it was a template is no new one")
        }
        try Files.makeDirectory(directory)
        let memory = "\(directory)/\(TemplateStore.File.memory)"
        try await Tools.run(
            "cp",
            ["--sparse=auto", "--reflink=auto", "--", saved.memory, memory],
            failure: (.toolFailed, "The memory was not copied")
        )
        let target = directory
        try await BlockingPool.run {
            try Self.put(change.memory, into: memory)
            try Files.write(change.deviceState, to: "\(target)/\(TemplateStore.File.deviceState)")
            try Files.link(saved.disk, to: "\(target)/\(TemplateStore.File.disk)")
            try bootstrap.exposed { try Files.write($0.utf8, to: "\(target)/\(TemplateStore.File.bootstrap)") }
        }
    }

    /// Blocks.
    private static func put(_ pages: any MemoryPages, into path: String) throws {
        let file = try Descriptor.open(path, O_WRONLY)
        try pages.forEachBlock { runs, bytes in
            var offset = 0
            for run in runs {
                try write(bytes, from: offset, count: run.byteCount, to: file, at: run.first * PageRun.pageSize, path)
                offset += run.byteCount
            }
        }
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer,
        from start: Int,
        count: Int,
        to file: borrowing Descriptor,
        at position: Int,
        _ path: String
    ) throws(LinuxError) {
        guard let base = bytes.baseAddress, start + count <= bytes.count else { return }
        var done = 0
        while done < count {
            done += try check("write '\(path)'") {
                pwrite(file.raw, base + start + done, count - done, off_t(position + done))
            }
        }
    }
}
