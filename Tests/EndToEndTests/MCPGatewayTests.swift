import Linux
import Records
import Testing
import Wire

/// Several MCP servers as one, where the agent works.
@Suite(.serialized, .enabled(if: Installation.isPossible, Installation.absence), .sharedInstallation)
struct `an MCP gateway in a sandbox` {
    @Test func `serves Claude Code`() async throws {
        let martlet = try shared()
        try await martlet.withSandbox { sandbox in
            let program = try Files.read(Installation.packageRoot + "/Tests/python/mcp_server.py")
            let placed = try await martlet.exec(sandbox, "sh", "-c", "cat > /opt/server.py", input: program)
            try #require(placed.status == .exited(0), "\(placed.errorText)")
            let servers: JSONValue = ["one": ["command": "python3", "args": ["/opt/server.py", "one"]]]
            let started = try await martlet.exec(
                sandbox,
                "env",
                "GATEWAY_ACCESS_TOKEN=the-token",
                "mcp-gateway",
                "--config",
                servers.text()
            )
            try #require(started.status == .exited(0), "\(started.errorText)")
            let again = try await martlet.exec(sandbox, "mcp-gateway", "--config", "{}")
            #expect(again.status == .exited(1) && again.errorText.contains("runs already"), "\(again.errorText)")

            let name = try martlet.model.add(
                Say.steps(
                    [
                        "tools": [["name": "mcp__tools__one__echo", "input": ["text": "hello"]]],
                        "capture": ["said": [:]],
                    ],
                    Say.text("It said: ${said}")
                )
            )
            let script = """
                cd; claude mcp add --transport http tools http://127.0.0.1:50005/mcp --header 'Authorization: Bearer the-token' \
                && ANTHROPIC_CUSTOM_HEADERS='\(Model.header): \(name)' claude -p --permission-mode bypassPermissions Go </dev/null
                """
            let agent = try await martlet.martlet(["exec", sandbox.id, "--", "bash", "-lc", script])
            #expect(
                agent.status == .exited(0) && agent.text.contains("It said: one: hello"),
                "\(agent.text) \(agent.errorText)"
            )
        }
    }
}
