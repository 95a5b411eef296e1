import CLinux
import Glibc

/// Files of the host. All calls are short; large reads and writes belong into the ``BlockingPool``.
package enum Files {
    package static func read(_ path: String) throws(LinuxError) -> [UInt8] {
        let file = try Descriptor.open(path, O_RDONLY)
        var all: [UInt8] = []
        while true {
            let bytes = try file.read(upTo: 65_536)
            if bytes.isEmpty { return all }
            all += bytes
        }
    }

    /// Writes a file whole or not at all: to a new name first, then to disk, then renamed over the old.
    package static func write(_ bytes: some Collection<UInt8>, to path: String, mode: mode_t = 0o600) throws(LinuxError)
    {
        let temporary = "\(path).\(Random.name(8))"
        let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
        do {
            try file.writeAll(bytes)
            try check("write '\(path)' to disk") { fsync(file.raw) }
            try check("put '\(path)' in its place") { Glibc.rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// The names in a directory, sorted; empty when it can not be read.
    package static func list(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            // By address: the record is only as long as its name, so the field must not be copied whole.
            guard let offset = MemoryLayout<dirent>.offset(of: \.d_name) else { continue }
            let name = String(cString: (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self))
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func exists(_ path: String) -> Bool {
        access(path, F_OK) == 0
    }

    package static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    package static func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    /// The space on disk that a file takes, or a directory with all in it; links are not followed. Blocks.
    package static func space(_ path: String) -> Int64 {
        var status = stat()
        guard lstat(path, &status) == 0 else { return 0 }
        var space = Int64(status.st_blocks) * 512
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in list(path) { space += Self.space("\(path)/\(name)") }
        }
        return space
    }

    /// Makes a directory and its parents; one that is there already is fine.
    package static func makeDirectory(_ path: String, mode: mode_t = 0o700) throws(LinuxError) {
        if isDirectory(path) { return }
        if let cut = path.lastIndex(of: "/"), cut > path.startIndex {
            try makeDirectory(String(path[..<cut]), mode: mode)
        }
        if mkdir(path, mode) < 0, errno != EEXIST { throw LinuxError("make the directory '\(path)'") }
    }

    /// Removes a file or a directory with all below it, without following links; a missing one is fine.
    package static func remove(_ path: String) throws(LinuxError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in list(path) { try remove("\(path)/\(name)") }
            if rmdir(path) < 0, errno != ENOENT { throw LinuxError("remove the directory '\(path)'") }
        } else if unlink(path) < 0, errno != ENOENT {
            throw LinuxError("remove '\(path)'")
        }
    }

    package static func rename(_ from: String, to: String) throws(LinuxError) {
        try check("rename '\(from)' to '\(to)'") { Glibc.rename(from, to) }
    }

    /// Gives a file another name on the same file system.
    package static func link(_ path: String, to name: String) throws(LinuxError) {
        // The name is for what a symbolic link points to, not for the link.
        try check("give '\(path)' the name '\(name)'") {
            linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW)
        }
    }

    /// Puts a file, or a directory's names, on disk. Blocks.
    package static func synchronize(_ path: String) throws(LinuxError) {
        let file = try Descriptor.open(path, O_RDONLY)
        try check("write '\(path)' to disk") { fsync(file.raw) }
    }

    /// The target of a symbolic link.
    package static func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                characters.baseAddress.map { readlink(path, $0, 4095) } ?? -1
            }
        }
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The path without links, or nil when it does not exist.
    package static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// Bytes that may still be written to the file system that holds `path`.
    package static func freeSpace(_ path: String) -> UInt64? {
        var status = statvfs()
        return statvfs(path, &status) == 0 ? UInt64(status.f_bavail) * UInt64(status.f_frsize) : nil
    }

    /// Takes an advisory lock that ends with the process; nil when another holds it.
    package static func lock(_ path: String) throws(LinuxError) -> Descriptor? {
        try lock(Descriptor.open(path, O_RDWR | O_CREAT, mode: 0o600), path)
    }

    /// The same on a directory itself.
    package static func lock(directory path: String) throws(LinuxError) -> Descriptor? {
        try lock(Descriptor.open(path, O_RDONLY | O_DIRECTORY), path)
    }

    private static func lock(_ file: Descriptor, _ path: String) throws(LinuxError) -> Descriptor? {
        if clinux_lock_file(file.raw) == 0 { return file }
        if errno == EWOULDBLOCK { return nil }
        throw LinuxError("lock '\(path)'")
    }
}
