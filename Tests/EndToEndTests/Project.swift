import Glibc
import Linux

/// A directory that a run is given.
struct Project: Sendable {
    let path: String

    init(_ path: String) throws {
        self.path = path
        try Files.makeDirectory(path, mode: 0o755)
    }

    func write(_ text: String, to name: String, mode: mode_t = 0o644) throws {
        try write(Array(text.utf8), to: name, mode: mode)
    }

    func write(_ bytes: [UInt8], to name: String, mode: mode_t = 0o644) throws {
        let target = "\(path)/\(name)"
        if let cut = target.lastIndex(of: "/") { try Files.makeDirectory(String(target[..<cut]), mode: 0o755) }
        try Files.write(bytes, to: target)
        guard chmod(target, mode) == 0 else { throw LinuxError("change the mode of '\(target)'") }
    }

    func link(_ name: String, to target: String) throws {
        guard symlink(target, "\(path)/\(name)") == 0 else { throw LinuxError("link '\(name)'") }
    }

    /// Makes it a repository with all that is in it committed.
    func commit() async throws {
        for arguments in [
            ["init", "-q", "-b", "main"], ["add", "-A"],
            ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "--allow-empty", "-m", "Begin"],
        ] {
            try await Program("git", arguments, directory: path).succeed()
        }
    }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        try await Program("git", arguments, directory: path).succeed()
    }
}
