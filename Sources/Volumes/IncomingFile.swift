import Glibc
import Linux

/// A file on its way into a volume: written under another name, outside of all volumes, and then put in its place by one rename.
///
/// So a reader sees the old file or the new one, and never a part. What is left when the daemon ends is removed at its start.
struct IncomingFiles: Sendable {
    private let directory: Descriptor
    /// Bytes of the disk that no volume may take: the daemon's records need some.
    let reserve: Int64

    /// Blocks.
    init(_ path: String, reserve: Int64) throws(LinuxError) {
        try Files.makeDirectory(path)
        directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        self.reserve = reserve
    }

    /// Removes what an earlier daemon left. Blocks.
    func empty() throws(LinuxError) {
        for name in try directory.names() {
            try check("remove an unfinished file") { unlinkat(directory.raw, name, 0) }
        }
    }

    /// - Parameter size: how large it will be, if that is known.
    func start(size: Int64?) throws(LinuxError) -> IncomingFile {
        try admit(size ?? 0)
        let name = Random.name(16)
        let number = try check("make a file") {
            openat(directory.raw, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        }
        return IncomingFile(Descriptor(owning: number), named: name, among: self)
    }

    func admit(_ count: Int64) throws(LinuxError) {
        var status = statvfs()
        try check("look at the disk") { fstatvfs(directory.raw, &status) }
        let free = Int64(clamping: UInt64(status.f_bavail) * UInt64(status.f_frsize))
        guard free >= reserve, free - reserve >= count else { throw LinuxError(errno: ENOSPC, "make room on the disk") }
    }

    func rename(_ name: String, to target: String, in parent: Descriptor) throws(LinuxError) {
        try check("put '\(target)' in its place") { renameat(directory.raw, name, parent.raw, target) }
    }

    func remove(_ name: String) {
        unlinkat(directory.raw, name, 0)
    }
}

/// One of ``IncomingFiles``; used by one task, and gone with it unless it was put in its place. All of it blocks.
final class IncomingFile: Sendable {
    /// How many bytes come between two looks at the disk.
    private static let stride = 8 * 1024 * 1024

    let file: Descriptor
    private let name: String
    private let files: IncomingFiles

    init(_ file: Descriptor, named name: String, among files: IncomingFiles) {
        self.file = file
        self.name = name
        self.files = files
    }

    deinit {
        // After it was put in its place, nothing has this name any more.
        files.remove(name)
    }

    /// - Parameter position: how many bytes were written before.
    func write(_ bytes: [UInt8], at position: Int) throws(LinuxError) {
        if position / Self.stride != (position + bytes.count) / Self.stride { try files.admit(Int64(bytes.count)) }
        try file.writeAll(bytes)
    }

    func place(at name: String, in parent: Descriptor) throws(LinuxError) {
        try check("write a file to disk") { fsync(file.raw) }
        try files.rename(self.name, to: name, in: parent)
    }
}
