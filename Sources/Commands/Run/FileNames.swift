import Glibc
import Linux

/// A file's name as Linux has it: bytes, in no particular encoding.
typealias FileName = [UInt8]

/// What is in directories, in bytes; all calls are short.
enum FileNames {
    static let slash: UInt8 = 0x2F
    static let git = Array(".git".utf8)

    /// What the git directory keeps to itself: its configuration and hooks may hold credentials and name programs, the
    /// others repeat URLs or belong to this machine.
    private static let heldBack: Set<FileName> = Set(
        ["config", "config.worktree", "hooks", "logs", "FETCH_HEAD", "modules", "worktrees", "index.lock"]
            .map { Array($0.utf8) }
    )

    /// Everything below `directory`, parents first, without what git directories hold back.
    static func walk(_ directory: FileName, prefix: FileName = []) throws(LinuxError) -> [FileName] {
        let isGit = directory.last == git.last && directory.suffix(5).elementsEqual([slash] + git)
        var names: [FileName] = []
        for name in try list(directory) where !(isGit && heldBack.contains(name)) {
            let whole = prefix.isEmpty ? name : prefix + [slash] + name
            names.append(whole)
            let path = directory + [slash] + name
            if status(path)?.kind == .directory { names += try walk(path, prefix: whole) }
        }
        return names
    }

    private static func list(_ directory: FileName) throws(LinuxError) -> [FileName] {
        guard let stream = withPath(directory, { opendir($0) }) else {
            throw LinuxError("read the directory '\(String(decoding: directory, as: UTF8.self))'")
        }
        defer { closedir(stream) }
        var names: [FileName] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { FileName($0.prefix { $0 != 0 }) }
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    enum Kind { case file, directory, link, other }

    /// What a name stands for, links not followed; nil when there is nothing.
    static func status(_ path: FileName) -> (kind: Kind, size: Int64)? {
        var status = stat()
        guard withPath(path, { lstat($0, &status) }) == 0 else { return nil }
        let kind: Kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link
            default: .other
            }
        return (kind, Int64(status.st_size))
    }

    static func isReadable(_ path: FileName) -> Bool {
        withPath(path) { access($0, R_OK) } == 0
    }

    /// Every directory above `name`, the highest first.
    static func parents(of name: FileName) -> [FileName] {
        name.indices.filter { name[$0] == slash && $0 > 0 }.map { FileName(name[..<$0]) }
    }

    /// Removes a directory with all below it, whatever the names. What can not be removed stays.
    static func remove(_ directory: FileName) {
        for name in (try? list(directory)) ?? [] {
            let path = directory + [slash] + name
            if status(path)?.kind == .directory { remove(path) } else { _ = withPath(path) { unlink($0) } }
        }
        _ = withPath(directory) { rmdir($0) }
    }

    private static func withPath<Result>(_ path: FileName, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (path + [0]).withUnsafeBytes { bytes in
            bytes.withMemoryRebound(to: CChar.self) { characters in
                // A buffer of at least one element has an address.
                characters.baseAddress.map(body) ?? body([0])
            }
        }
    }
}
