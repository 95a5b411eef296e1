import Glibc
import Linux

/// Directories, read and removed. All of it blocks.
enum Directory {
    /// The names in a directory, sorted, without `.` and `..`.
    ///
    /// - Parameter followsLink: whether `path` may be a link to the directory.
    static func names(_ path: String, followsLink: Bool = true) throws(LinuxError) -> [String] {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (followsLink ? 0 : O_NOFOLLOW)
        let number = try check("read the directory '\(path)'") { open(path, flags) }
        guard let stream = fdopendir(number) else {
            defer { close(number) }
            throw LinuxError("read the directory '\(path)'")
        }
        defer { closedir(stream) }
        return rawNames(stream).map { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes a path and everything below it, without following links. A missing path is no error.
    ///
    /// Works on descriptors and on names as the kernel gives them, so neither depth nor strange bytes are in the way.
    ///
    /// - Parameter shown: the path as the caller knows it.
    static func remove(_ path: String, shown: String? = nil) throws(LinuxError) {
        try remove(path.utf8CString.map { $0 }, in: AT_FDCWD, shown ?? path)
    }

    private static func remove(_ name: [CChar], in parent: Int32, _ shown: String) throws(LinuxError) {
        if unlinkat(parent, name, 0) == 0 || errno == ENOENT || errno == ENOTDIR { return }
        // What a directory answers to unlink; anything else is the reason why it can not go.
        guard errno == EISDIR || errno == EPERM else { throw LinuxError("remove '\(shown)'") }
        let number = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0, let stream = fdopendir(number) else { throw LinuxError("remove '\(shown)'") }
        let children = rawNames(stream)
        do throws(LinuxError) {
            for child in children {
                try remove(child, in: number, shown)
            }
        } catch {
            closedir(stream)
            throw error
        }
        closedir(stream)
        if unlinkat(parent, name, AT_REMOVEDIR) < 0, errno != ENOENT { throw LinuxError("remove '\(shown)'") }
    }

    /// Each with its terminating zero.
    private static func rawNames(_ stream: OpaquePointer) -> [[CChar]] {
        var names: [[CChar]] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { text in
                    Array(UnsafeBufferPointer(start: text, count: strlen(text) + 1))
                }
            }
            if name != [0x2E, 0], name != [0x2E, 0x2E, 0] { names.append(name) }
        }
        return names
    }
}
