import Linux

/// Asks git which files of a directory are not ignored.
///
/// git runs in directories that somebody else may have prepared: whatever in their configuration would start a program is
/// turned off, and then it does not matter who owns them.
struct GitListing: Sendable {
    let directory: String

    private static let guards = [
        "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
    ]
    /// How deep repositories may lie in each other.
    private static let depthLimit = 16

    /// Names below the directory, each repository within it by its own rules; not the git directories.
    func names(depth: Int = 0) async throws -> [FileName] {
        let listed = try await isInRepository() ? list(["--cached"]) : listWithoutRepository()
        var names: [FileName] = []
        for var name in listed where !name.isEmpty {
            // A repository within this one: git names the directory and leaves the rest to its own index.
            if name.last == FileNames.slash { name.removeLast() }
            names.append(name)
            let path = Array("\(directory)/".utf8) + name
            guard FileNames.status(path)?.kind == .directory, depth < Self.depthLimit,
                FileNames.status(path + [FileNames.slash] + FileNames.git) != nil
            else { continue }
            let inner = GitListing(directory: String(decoding: path, as: UTF8.self))
            names += try await inner.names(depth: depth + 1).map { name + [FileNames.slash] + $0 }
        }
        return names
    }

    /// Whether git's rules for this directory are those of a repository around it; one that ignores it does not count.
    private func isInRepository() async throws -> Bool {
        let inside = try await git(["rev-parse", "--is-inside-work-tree"])
        guard inside.status.isSuccess, inside.text.hasPrefix("true") else { return false }
        return try await !git(["check-ignore", "--quiet", "."]).status.isSuccess
    }

    private func listWithoutRepository() async throws -> [FileName] {
        let temporary = try TemporaryDirectory("martlet-list")
        defer { temporary.remove() }
        let made = try await git(["init", "--quiet", "--template=", "--bare", temporary.path])
        guard made.status.isSuccess else { throw failure(made) }
        return try await list([], ["--git-dir", temporary.path, "--work-tree", directory])
    }

    private func list(_ more: [String], _ global: [String] = []) async throws -> [FileName] {
        let output = try await git(global + ["ls-files", "-z", "--others", "--exclude-standard"] + more)
        guard output.status.isSuccess else { throw failure(output) }
        return output.output.split(separator: 0).map(FileName.init)
    }

    /// Whether the history can be read without its configuration and without other directories.
    func historyStandsAlone() async throws -> Bool {
        if Files.exists("\(directory)/.git/objects/info/alternates") { return false }
        let pattern = #"^(extensions\.(objectformat|refstorage|partialclone)|remote\..*\.promisor)$"#
        let file = "\(directory)/.git/config"
        return try await !git(["config", "--file", file, "--name-only", "--get-regexp", pattern]).status.isSuccess
    }

    private func git(_ arguments: [String]) async throws -> Program.Output {
        try await Program("git", Self.guards + arguments, directory: directory).run()
    }

    private func failure(_ output: Program.Output) -> CommandsError {
        let words = output.errorText.split(separator: "\n").last.map(String.init) ?? "it said nothing"
        return CommandsError(.toolFailed, "git could not list the files of '\(directory)': \(words)")
    }
}

/// A directory of this process's own, with a name nobody can guess.
struct TemporaryDirectory: Sendable {
    let path: String

    init(_ name: String) throws(LinuxError) {
        let parent = Program.variable("TMPDIR").flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
        path = "\(parent)/\(name)-\(Random.name(12))"
        try Files.makeDirectory(path)
    }

    /// Removes it with all below. What can not be removed stays: there is nothing to be done about it.
    func remove() {
        FileNames.remove(Array(path.utf8))
    }
}
