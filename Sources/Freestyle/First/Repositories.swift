import Wire

/// The repositories that a machine of the first version has from its create on, and who its git is.
struct Repositories: Sendable, Hashable {
    /// What is run for them, in order.
    let commands: [[String]]

    init(_ members: Members) throws {
        let git = try members.object("git")
        let user = try git?.object("config")?.object("user")
        var commands: [[String]] = []
        for name in ["name", "email"] {
            guard let value = try user?.string(name) else { continue }
            commands.append(["git", "config", "--system", "user.\(name)", value])
        }
        for repository in try git?.objects("repos") ?? [] {
            let source = try repository.text("repo")
            let revision = try repository.string("rev")
            for text in [source, revision ?? ""] where text.hasPrefix("-") || text.utf8.contains(0) {
                throw FreestyleError.badRequest("'git.repos': '\(text)' is neither an address nor a revision")
            }
            let path = try GuestPath(try repository.text("path")).text
            commands.append(["git", "clone", "--quiet", "--", source, path])
            if let revision { commands.append(["git", "-C", path, "checkout", "--quiet", revision, "--"]) }
        }
        self.commands = commands
    }

    func bring(into vm: VM) async throws {
        // Where a login would be asked for, nobody could answer.
        for command in commands { try await vm.perform(command, ["GIT_TERMINAL_PROMPT": "0"]) }
    }
}
