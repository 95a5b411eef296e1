import Glibc

/// Random bytes in a file that is this user's alone.
///
/// The file is made by whoever needs it first, read at each start, and deleted by nobody here: without it, what was made with
/// it is lost.
package enum KeyFile {
    /// Reads the key, or makes one when there is no file.
    ///
    /// - Throws: ``LinuxError`` when others than its owner may read or change the file, or it holds no key. It is never
    ///   written over.
    package static func load(_ path: String, count: Int) throws(LinuxError) -> [UInt8] {
        if let key = try read(path, count) { return key }
        try make(path, count)
        // Read back: of two that made one at once, one was first.
        if let key = try read(path, count) { return key }
        throw LinuxError(.notFound, "'\(path)' vanished")
    }

    private static func read(_ path: String, _ count: Int) throws(LinuxError) -> [UInt8]? {
        let file: Descriptor
        do throws(LinuxError) {
            file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
        } catch  where error.code == .notFound {
            return nil
        }
        var status = stat()
        try check("look at '\(path)'") { fstat(file.raw, &status) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw LinuxError(
                .denied,
                "'\(path)' is open to others than this user; make it your own with mode 600, and replace what it protects"
            )
        }
        let bytes = try file.read(upTo: count + 1)
        guard bytes.count == count else { throw LinuxError(.denied, "'\(path)' does not hold \(count) bytes") }
        return bytes
    }

    /// Writes a new key to another name and links it into place, which never replaces a key that is there.
    private static func make(_ path: String, _ count: Int) throws(LinuxError) {
        let temporary = "\(path).\(Random.name(8))"
        let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        defer { unlink(temporary) }
        try file.writeAll(Random.bytes(count))
        try check("write '\(path)' to disk") { fsync(file.raw) }
        if link(temporary, path) < 0, errno != EEXIST { throw LinuxError("put '\(path)' in its place") }
    }
}
