/// Git repositories of a sandbox, by the `git` that is there.
public struct SandboxGit: Sendable {
    let commands: SandboxCommands

    /// Runs git in a repository.
    ///
    /// - Throws: ``MartletError`` `programFailed` with its words when it fails.
    @discardableResult
    public func run(_ arguments: [String], in repository: String) async throws -> String {
        let result = try await commands.run(["git", "-C", repository] + arguments)
        guard result.isSuccess else {
            let words = result.errors.isEmpty ? "status \(result.exitCode)" : result.errors
            throw MartletError(.programFailed, "git \(arguments.first ?? "") failed in '\(repository)': \(words)")
        }
        return result.output
    }

    /// Makes a repository of a directory, with all that is in it as the first commit.
    public func begin(in directory: String) async throws {
        try await run(["init", "-q"], in: directory)
        try await run(["add", "-A"], in: directory)
        let author = ["-c", "user.name=Martlet", "-c", "user.email=martlet@localhost"]
        try await run(author + ["commit", "-q", "--allow-empty", "-m", "Begin"], in: directory)
    }

    /// What has changed since the last commit, new files included.
    public func diff(in repository: String) async throws -> String {
        try await run(["add", "-A", "-N"], in: repository)
        return try await run(["diff"], in: repository)
    }

    /// The short form of git's status.
    public func status(in repository: String) async throws -> String {
        try await run(["status", "--short"], in: repository)
    }
}
