import Linux

/// A repository cloned by the host's git, so that credentials are used here and never in a guest.
struct RepositoryClone: Sendable {
    let url: String
    let ref: String?

    /// Clones into a directory of its own, which is gone when `body` has ended.
    func cloned<Result>(
        progress: @Sendable @escaping (String) -> Void,
        _ body: (_ directory: String) async throws -> Result
    ) async throws -> Result {
        guard !url.hasPrefix("-"), ref?.hasPrefix("-") != true else {
            throw CommandsError(.unusableInput, "'\(url)' is no repository's URL, or '\(ref ?? "")' no name in it")
        }
        let temporary = try TemporaryDirectory("martlet-clone")
        defer { temporary.remove() }
        let directory = "\(temporary.path)/repository"
        for arguments in steps(directory) {
            var git = try Program("git", arguments, directory: temporary.path)
            // Nobody is there to answer: a missing credential must fail, not ask.
            git.environment["GIT_TERMINAL_PROMPT"] = "0"
            for name in ["GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "XDG_CONFIG_HOME"] {
                git.environment[name] = Program.variable(name)
            }
            let output = try await git.run(line: progress)
            guard output.status.isSuccess else { throw failure(output) }
        }
        return try await body(directory)
    }

    /// The commands, in order. A server gives a commit by its full name only to a fetch.
    func steps(_ directory: String) -> [[String]] {
        guard let ref else { return [["clone", "--depth", "1", "--progress", "--", url, directory]] }
        guard ref.utf8.count == 40, ref.allSatisfy(\.isHexDigit) else {
            return [["clone", "--depth", "1", "--progress", "--branch", ref, "--", url, directory]]
        }
        return [
            ["init", "--quiet", directory],
            ["-C", directory, "fetch", "--depth", "1", "--progress", "--", url, ref],
            ["-C", directory, "checkout", "--quiet", "--detach", "FETCH_HEAD"],
        ]
    }

    private func failure(_ output: Program.Output) -> CommandsError {
        let lines = output.errorText.split(whereSeparator: \.isNewline).map(String.init)
        let words = lines.first { $0.hasPrefix("fatal:") || $0.hasPrefix("error:") } ?? lines.last ?? "git said nothing"
        let name = ref.map { "'\(shownURL)' at '\($0)'" } ?? "'\(shownURL)'"
        return CommandsError(.toolFailed, "The repository \(name) could not be cloned: \(TerminalText.line(words))")
    }

    /// The URL without user and password.
    var shownURL: String {
        guard let scheme = url.firstRange(of: "://") else { return url }
        let rest = url[scheme.upperBound...]
        let host = rest.prefix { $0 != "/" }
        guard let at = host.lastIndex(of: "@") else { return url }
        return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
    }
}
