import GuestLink
import HTTP
import Linux
import Sandboxes
import Wire

/// Uses a guest as its first runs will, so that what they need is in its memory when it is saved.
///
/// The agent's code, the shell, Python, the tools and Claude Code itself are read from the disk once, here; every sandbox
/// finds them in the page cache that it shares with all others. It is also the proof that the guest works.
struct WarmUp {
    let guest: GuestLink
    let recipe: TemplateRecipe
    let progress: Progress

    private static let home = "/tmp/warm-up"
    private static let prompt = "Look around."

    /// Everything here that shapes the guest of `recipe`; part of the template's key.
    static func recipe(of recipe: TemplateRecipe) -> String {
        let common = [lookScript, pythonScript, clearScript, GuestLink.rehearsal]
        let claude = recipe.claude == nil ? [] : [packagesScript, prepareScript, turnScript, CannedModel.name]
        return (common + claude).joined(separator: "\n")
    }

    /// Returns: versions of what is in the guest.
    func run() async throws -> [String: String] {
        try await touchAgent()
        progress.line("the guest's agent and tools are warm")
        var versions = [
            "debian": try await firstWord("cat /etc/debian_version", "read Debian's version"),
            "python": try await firstWord(Self.pythonScript, "run Python"),
        ]
        if recipe.claude != nil {
            versions["fastmcp"] = try await firstWord(Self.packagesScript, "import FastMCP")
            versions["claude"] = try await firstWord("claude --version", "run Claude Code")
            progress.line("Claude Code \(versions["claude"] ?? "") runs")
            try await turn()
            progress.line("Claude Code has finished a turn with tools")
        }
        try await shell(Self.clearScript, user: "root", "clear up")
        return versions
    }

    /// Answers come fast when what makes them was run before: processes of both users, files, archives.
    private func touchAgent() async throws {
        for _ in 0..<8 {
            try await shell("true", user: recipe.user, "run a shell")
            try await loginShell("true", "run a login shell")
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
        try await guest.rehearseGoingOn()
    }

    private func firstWord(_ script: String, _ action: String) async throws -> String {
        let text = try await shell(script, user: recipe.user, action)
        return text.split { $0.isWhitespace }.first.map(String.init) ?? ""
    }

    /// One turn of Claude Code with a few tools, against a model that has its answers ready.
    private func turn() async throws {
        try await shell(Self.prepareScript, user: recipe.user, "make a home to warm up in")
        let model = HTTPServer { exchange in try await CannedModel.answer(exchange) }
        let (guest, user) = (guest, recipe.user)
        let result = try await guest.withTunnels({ _, stream in await model.serve(stream) }) {
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
        guard result.status == 0, result.text.contains(CannedModel.farewell) else {
            let words = (result.errorText + result.text).suffix(600)
            throw TemplateError(.guestFailed, "Claude Code does not finish a turn in the guest; it ends: \(words)")
        }
    }

    /// As programs for E2B start every command.
    private func loginShell(_ script: String, _ action: String) async throws {
        try await shell(script, options: ["-l", "-c"], user: recipe.user, action)
    }

    @discardableResult
    private func shell(
        _ script: String,
        options: [String] = ["-c"],
        user: String,
        _ action: String
    ) async throws -> String {
        let result = try await guest.run(GuestLink.Command("/bin/bash", options + [script], user: user))
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
        cd /tmp && ls -la >/dev/null && git --version && rg --version >/dev/null && curl --version >/dev/null && \
        tar --version >/dev/null && sudo -n true && ss -Htln && TERM=xterm-256color tput cols >/dev/null && ps >/dev/null && \
        git init --quiet warm && cd warm && echo warm > file && git add file && \
        git -c user.name=warm -c user.email=warm@localhost commit --quiet -m warm && git status --short && git log --oneline
        """
    /// What small programs and servers import, under both names of the interpreter.
    private static let pythonScript = """
        python3 -c 'import asyncio, http.server, json, os, platform, re, socket, ssl, subprocess, urllib.request' && \
        python -c 'import platform; print(platform.python_version())'
        """
    private static let packagesScript = """
        python -c 'import fastmcp; from fastmcp import FastMCP; print(fastmcp.__version__)'
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
