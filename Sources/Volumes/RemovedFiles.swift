import Glibc
import Linux

/// Where trees go that are removed: out of reach by one rename, and then bit by bit.
///
/// Written and emptied by the daemon alone. What is left in it when the daemon ends is removed at the next start.
struct RemovedFiles: Sendable {
    private let directory: Descriptor

    /// Blocks.
    init(_ path: String) throws(LinuxError) {
        try Files.makeDirectory(path)
        directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    }

    /// Takes what stands at a name out of its directory, and removes it with all below it. Blocks.
    func remove(_ name: String, from parent: Descriptor) throws(LinuxError) {
        try remove([try take(name.utf8CString.map { $0 }, from: parent)])
    }

    /// Removes all that is here. Blocks.
    func empty() throws(LinuxError) {
        try remove(try directory.names())
    }

    /// Gives a tree a new name here, which is the only thing that can fail with the tree still in its place.
    private func take(_ name: [CChar], from parent: Descriptor) throws(LinuxError) -> [CChar] {
        let new = Random.name(16).utf8CString.map { $0 }
        if renameat(parent.raw, name, directory.raw, new) == 0 { return new }
        let failure = LinuxError("remove a file")
        // Who is not root needs the right to write in a directory to move it.
        guard failure.code == .denied, allowAll(name, in: parent) else { throw failure }
        try check("remove a file") { renameat(parent.raw, name, directory.raw, new) }
        return new
    }

    /// Every directory below comes up here before it is looked into, so neither depth nor length of paths matters.
    private func remove(_ names: [[CChar]]) throws(LinuxError) {
        var waiting = names
        while let name = waiting.popLast() {
            if unlinkat(directory.raw, name, 0) == 0 || errno == ENOENT { continue }
            // What a directory answers to that; anything else is the reason why it can not go.
            guard errno == EISDIR || errno == EPERM else { throw LinuxError("remove a file") }
            _ = allowAll(name, in: directory)
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            let tree = Descriptor(
                owning: try check("remove a directory") { openat(directory.raw, name, flags) }
            )
            for child in try tree.names() where unlinkat(tree.raw, child, 0) < 0 && errno != ENOENT {
                waiting.append(try take(child, from: tree))
            }
            // A writer that had it open may have put something in meanwhile; that goes at the next start.
            if unlinkat(directory.raw, name, AT_REMOVEDIR) < 0, errno != ENOTEMPTY {
                throw LinuxError("remove a directory")
            }
        }
    }

    /// Gives this process all rights on a directory, as far as it may. A link stays as it is.
    private func allowAll(_ name: [CChar], in parent: Descriptor) -> Bool {
        let number = openat(parent.raw, name, pathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { return false }
        let directory = Descriptor(owning: number)
        return chmod(directory.reopeningPath, 0o700) == 0
    }
}

/// The C header has it only for who asks for GNU's own.
let pathOnly: Int32 = 0o10_000_000

extension Descriptor {
    /// A path by which what the descriptor names can be opened anew, whatever has become of its name.
    var reopeningPath: String { "/proc/self/fd/\(raw)" }
}
