import Wire

/// What the template `claude` has besides Debian: Claude Code, answered beforehand what it would ask, and Python packages
/// for the tools that people give it.
package struct ClaudeCode: Sendable, Hashable {
    package init() {}

    package var version = "2.1.327"
    /// Of the program; nil for a version that was found in PyPI, whose word for its wheel is all that is known.
    package var digest: String? = "343c744baa14bfd38286a7cb90871051f04379956da6c5b803a9e66019a76ac9"

    // MARK: Where it comes from

    /// The PyPI package that carries the program.
    package var wheelProject = "claude-agent-sdk"
    package var wheelVersion = "0.2.184"
    package var wheelPlatform = "manylinux_2_17_x86_64"
    package var wheelDigest = "40509cadce72d62ded6c3ed831bbcffbff1a7fed8a19cfe1670b3a55418ed089"
    package var wheelMember = "claude_agent_sdk/_bundled/claude"

    /// FastMCP and all that it needs, as pip reads it: each file by its version and digest.
    package var pythonRequirements = fastMCPRequirements

    // MARK: What it finds

    /// The way to the model, and quiet otherwise.
    package var environment = [
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:\(GuestProtocol.gatewayPort)",
        "ANTHROPIC_API_KEY": GuestProtocol.placeholderKey,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_SANDBOXED": "1",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        // A tool server in Python takes seconds to start where instructions are translated. Unless it is told to wait for them,
        // Claude Code begins without the tools of servers that are not up within five.
        "MCP_CONNECTION_NONBLOCKING": "0",
        "MCP_CONNECT_TIMEOUT_MS": "120000",
        "MCP_TIMEOUT": "120000",
    ]

    var files: [TemplateRecipe.File] {
        [
            TemplateRecipe.File(path: "~/.claude.json", text: firstRunState.text(pretty: true) + "\n"),
            TemplateRecipe.File(path: "~/.claude/settings.json", text: settings.text(pretty: true) + "\n"),
            // A second name of the guest's agent, which is on no disk: the first process runs it.
            TemplateRecipe.File(
                path: "/usr/local/bin/mcp-gateway",
                text: "#!/bin/sh\nexec /proc/1/exe mcp-gateway \"$@\"\n",
                isProgram: true
            ),
        ]
    }

    /// What makes Claude Code ask nothing when it starts: neither theme, nor login, nor key, nor trust.
    private var firstRunState: JSONValue {
        [
            "hasCompletedOnboarding": true,
            "bypassPermissionsModeAccepted": true,
            "customApiKeyResponses": [
                // It knows a key by its last twenty characters.
                "approved": [.string(String(GuestProtocol.placeholderKey.suffix(20)))],
                "rejected": [],
            ],
            "projects": ["/": ["hasTrustDialogAccepted": true]],
        ]
    }

    private var settings: JSONValue { ["skipDangerousModePermissionPrompt": true] }
}
