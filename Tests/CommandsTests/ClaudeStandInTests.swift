import Testing

@testable import Commands

@Suite struct `what a stand-in for claude hands on` {
    @Test(arguments: [
        "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_AGENT_SDK_VERSION", "CLAUDE_CODE_MAX_OUTPUT_TOKENS", "MCP_TIMEOUT",
        "ANTHROPIC_MODEL", "TRACEPARENT",
    ]) func `is what is Claude Code's wherever it runs`(_ name: String) {
        #expect(ClaudeEnvironment.passed([name: "1"]) == [name: "1"])
    }

    @Test(arguments: [
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN", "CLAUDECODE",
        "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE", "CLAUDE_CONFIG_DIR",
        "HOME", "PATH", "PWD", "AWS_SECRET_ACCESS_KEY",
    ]) func `is neither a credential nor a place of this machine`(_ name: String) {
        #expect(ClaudeEnvironment.passed([name: "1"]).isEmpty)
        #expect(ClaudeEnvironment.passed([name: "1"], further: [name]) == [name: "1"])
    }

    @Test func `is its arguments, with files that are there in other places`() {
        let line = ClaudeLine(arguments: [
            "-p", "a.json", "--mcp-config", "a.json", #"{"mcpServers":{}}"#, "b.json", "--settings=c.json", "--verbose",
            "c.json", "--", "--settings", "a.json",
        ])
        let files = line.files { ["a.json", "b.json", "c.json"].contains($0) }
        #expect(files.map(\.index) == [3, 5, 6])
        let replaced = line.replacing(files.map { ($0, "/tmp/\($0.path)") })
        #expect(replaced[1] == "a.json" && replaced[3] == "/tmp/a.json" && replaced[5] == "/tmp/b.json")
        #expect(replaced[6] == "--settings=/tmp/c.json" && replaced[8] == "c.json" && replaced[11] == "a.json")
    }
}
