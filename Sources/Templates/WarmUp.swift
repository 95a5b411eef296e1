import GuestLink
import HTTP
import Linux
import Wire

/// Uses a guest as its first runs will, so that what they need is in its memory when it is saved.
///
/// The agent's code, the shell, the tools and Claude Code itself are read from the disk once, here; every sandbox finds them
/// in the page cache that it shares with all others. It is also the proof that the guest works.
struct WarmUp {
    let guest: GuestLink
    let recipe: ClaudeRecipe
    let progress: Progress

    private static let home = "/tmp/warm-up"
    private static let prompt = "Look around."

    /// Everything here that shapes the guest; part of the template's key.
    static var recipe: String {
        [prepareScript, lookScript, turnScript, clearScript, CannedModel.name].joined(separator: "\n")
    }

    /// Returns: versions of what is in the guest.
    func run() async throws -> [String: String] {
        try await touchAgent()
        progress.line("the guest's agent and tools are warm")
        let versions = try await versions()
        progress.line("Claude Code \(versions["claude"] ?? "") runs")
        try await turn()
        progress.line("Claude Code has finished a turn with tools")
        try await shell(Self.clearScript, user: "root", "clear up")
        return versions
    }

    /// Answers come fast when what makes them was run before: processes of both users, files, archives.
    private func touchAgent() async throws {
        for _ in 0..<8 {
            try await shell("true", user: recipe.user, "run a shell")
            try await shell("true", user: "root", "run a shell as root")
        }
        try await shell(Self.lookScript, user: recipe.user, "run the tools")
        let path = "/tmp/warm-up-file"
        try await guest.writeFile(Array("warm".utf8), to: path, user: recipe.user)
        guard try await guest.readFile(path, user: recipe.user, limit: 1024) == Array("warm".utf8) else {
            throw TemplateError(.guestFailed, "A file that was written into the guest came back changed")
        }
        // Two blocks of zeros are an empty archive.
        try await guest.unpack(into: "/tmp/warm-up-tree", user: recipe.user) { body in
            try await body.write([UInt8](repeating: 0, count: 1024))
        }
        try await guest.pack("/tmp/warm-up-tree", user: recipe.user) { _ in }
    }

    private func versions() async throws -> [String: String] {
        let claude = try await shell("claude --version", user: recipe.user, "run Claude Code")
        let debian = try await shell("cat /etc/debian_version", user: recipe.user, "read Debian's version")
        return [
            "claude": String(claude.split(separator: " ").first ?? ""),
            "debian": String(debian.split(separator: "\n").first ?? ""),
        ]
    }

    /// One turn of Claude Code with a few tools, against a model that has its answers ready.
    private func turn() async throws {
        try await shell(Self.prepareScript, user: recipe.user, "make a home to warm up in")
        let model = HTTPServer { exchange in try await CannedModel.answer(exchange) }
        let (guest, user) = (guest, recipe.user)
        let result = try await withThrowingTaskGroup(of: CommandResult?.self) { group in
            group.addTask {
                try await guest.serveTunnels(4) { _, stream in await model.serve(stream) }
                return nil
            }
            group.addTask {
                var command = GuestLink.Command(
                    "/bin/sh",
                    ["-c", Self.turnScript],
                    user: user,
                    environment: [
                        "HOME": Self.home, "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1", "ENABLE_TOOL_SEARCH": "false",
                        "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1", "CLAUDE_CODE_MAX_RETRIES": "1",
                    ],
                    directory: "\(Self.home)/project"
                )
                command.spool = true
                return try await guest.run(command)
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let result, result.status == 0, result.text.contains(CannedModel.farewell) else {
            let words = result.map { ($0.errorText + $0.text).suffix(600) } ?? ""
            throw TemplateError(.guestFailed, "Claude Code does not finish a turn in the guest; it ends: \(words)")
        }
    }

    @discardableResult
    private func shell(_ script: String, user: String, _ action: String) async throws -> String {
        let result = try await guest.run(GuestLink.Command("/bin/bash", ["-c", script], user: user))
        guard result.status == 0 else {
            throw TemplateError(
                .guestFailed,
                "The guest could not \(action) (status \(result.status)): \((result.errorText + result.text).suffix(400))"
            )
        }
        return result.text
    }

    private static let prepareScript = """
        mkdir -p \(home)/project && cp -r ~/.claude.json ~/.claude \(home)/ && \
        printf 'print("warm")\\n' > \(home)/project/main.py
        """
    private static let lookScript = """
        cd /tmp && ls -la >/dev/null && git --version && rg --version >/dev/null && python3 -c 'import json, os' && \
        tar --version >/dev/null && sudo -n true && bash -lc true
        """
    private static let turnScript = """
        printf '\(prompt)' | exec claude --print --output-format stream-json --verbose --max-turns 8 \
        --strict-mcp-config --mcp-config '{"mcpServers":{"warm":{"type":"http","url":"'"$ANTHROPIC_BASE_URL"'/mcp"}}}' \
        --dangerously-skip-permissions
        """
    private static let clearScript = """
        rm -rf /tmp/* /tmp/.[!.]* /var/tmp/* /root/.bash_history /home/*/.bash_history; sync
        """
}
