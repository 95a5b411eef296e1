import Glibc
import Linux
import Wire

/// What can be done with files, for one user. All of it blocks.
///
/// The agent is root and works as root, as E2B's does; what it makes, it gives to the user.
struct Files: Sendable {
    let account: Account
    /// Whether what is made must be given away.
    let switchesUser: Bool

    func describe(_ path: String) throws(CallError) -> FileEntry {
        try FileEntry(at: path, .load())
    }

    /// Lists a directory, parents before children and each directory in the order of its names' bytes.
    func list(_ path: String, depth: UInt32) throws(CallError) -> [FileEntry] {
        let accounts = Accounts.load()
        var status = stat()
        guard stat(path, &status) == 0 else { throw CallError(LinuxError("find '\(path)'"), path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw CallError(.invalidArgument, "path '\(path)' is not a directory")
        }
        var entries: [FileEntry] = []
        try list(path, depth: max(1, depth), accounts, into: &entries)
        return entries
    }

    private func list(
        _ path: String,
        depth: UInt32,
        _ accounts: Accounts,
        into entries: inout [FileEntry]
    ) throws(CallError) {
        let names: [String]
        do throws(LinuxError) {
            names = try Directory.names(path)
        } catch {
            throw CallError(error, path)
        }
        for name in names {
            let child = path == "/" ? "/\(name)" : "\(path)/\(name)"
            // One that goes away between the two looks was never there.
            guard let entry = try? FileEntry(at: child, accounts) else { continue }
            entries.append(entry)
            let isRealDirectory = entry.type == "FILE_TYPE_DIRECTORY" && entry.symlinkTarget == nil
            if depth > 1, isRealDirectory { try list(child, depth: depth - 1, accounts, into: &entries) }
        }
    }

    /// Makes a directory and its parents.
    func makeDirectory(_ path: String) throws(CallError) -> FileEntry {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw CallError(.invalidArgument, "path already exists but it is not a directory: \(path)")
            }
            throw CallError(.alreadyExists, "directory already exists: \(path)")
        }
        try ensureDirectory(path)
        return try describe(path)
    }

    /// Makes what is missing of a directory; what is made belongs to the user.
    func ensureDirectory(_ path: String) throws(CallError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else {
                throw CallError(.invalidArgument, "path '\(path)' is not a directory")
            }
            return
        }
        let parent = Self.parent(of: path)
        if parent != path { try ensureDirectory(parent) }
        if mkdir(path, 0o755) == 0 {
            if switchesUser { _ = chown(path, account.uid, account.gid) }
        } else if errno != EEXIST {
            throw CallError(LinuxError("make the directory '\(path)'"), path)
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    func move(_ source: String, to destination: String) throws(CallError) -> FileEntry {
        var status = stat()
        guard lstat(source, &status) == 0 else { throw CallError(LinuxError("find '\(source)'"), source) }
        try ensureDirectory(Self.parent(of: destination))
        guard rename(source, destination) == 0 else {
            throw CallError(LinuxError("move '\(source)' to '\(destination)'"))
        }
        return try describe(destination)
    }

    func remove(_ path: String) throws(CallError) {
        do throws(LinuxError) {
            try Directory.remove(path)
        } catch {
            throw CallError(error)
        }
    }

    /// Opens a file to read; only a file has an end.
    func openToRead(_ path: String) throws(CallError) -> Descriptor {
        var status = stat()
        guard stat(path, &status) == 0 else { throw CallError(LinuxError("find '\(path)'"), path) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFDIR: throw CallError(.invalidArgument, "path '\(path)' is a directory")
        default: throw CallError(.invalidArgument, "path '\(path)' is not a file")
        }
        do throws(LinuxError) {
            return try Descriptor.open(path, O_RDONLY | O_NONBLOCK)
        } catch {
            throw CallError(error, path)
        }
    }

    /// Opens a file to write it anew, with its parents, as the user's.
    func openToWrite(_ path: String, _ notes: [String: String]) throws(CallError) -> Descriptor {
        try ensureDirectory(Self.parent(of: path))
        do throws(LinuxError) {
            // Not to wait for the reader of a named pipe.
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, mode: 0o666)
            if switchesUser {
                try check("give '\(path)' to '\(account.name)'") { fchown(file.raw, account.uid, account.gid) }
            }
            try FileMetadata.replace(file, with: notes)
            return file
        } catch {
            throw CallError(error, path)
        }
    }
}
