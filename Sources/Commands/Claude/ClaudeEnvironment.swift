/// Which variables of a program that starts Claude Code are for Claude Code, wherever that runs.
///
/// What names places on this machine stays here, and so does whatever is, or may be, a credential: the gateway has those.
enum ClaudeEnvironment {
    private static let names: Set<String> = [
        "ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", "ANTHROPIC_DEFAULT_OPUS_MODEL",
        "ANTHROPIC_DEFAULT_SONNET_MODEL",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL", "BASH_DEFAULT_TIMEOUT_MS", "BASH_MAX_OUTPUT_LENGTH", "BASH_MAX_TIMEOUT_MS",
        "COLORTERM", "ENABLE_TOOL_SEARCH", "FORCE_COLOR", "MAX_MCP_OUTPUT_TOKENS", "MAX_THINKING_TOKENS", "MCP_TIMEOUT",
        "MCP_TOOL_TIMEOUT", "NO_COLOR", "TERM", "TRACEPARENT", "TRACESTATE", "TZ",
    ]
    private static let prefixes = ["CLAUDE_CODE_", "CLAUDE_AGENT_SDK_"]
    /// Of a Claude Code in which the program runs, of this machine, or of another way to a model than the gateway.
    private static let kept: Set<String> = [
        "CLAUDE_CODE_EXECPATH", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_SSE_PORT", "CLAUDE_CODE_TMPDIR",
        "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_FOUNDRY", "CLAUDE_CODE_USE_VERTEX",
    ]
    private static let secrets = ["_TOKEN", "_KEY", "_SECRET", "_PASSWORD", "_PASSPHRASE", "_CREDENTIALS"]

    /// - Parameter further: names that are passed on besides, because somebody said so.
    static func passed(_ environment: [String: String], further: [String] = []) -> [String: String] {
        environment.filter { name, _ in further.contains(name) || isPassed(name) }
    }

    private static func isPassed(_ name: String) -> Bool {
        if names.contains(name) { return true }
        guard prefixes.contains(where: name.hasPrefix), !kept.contains(name) else { return false }
        return !secrets.contains(where: name.hasSuffix)
    }
}
