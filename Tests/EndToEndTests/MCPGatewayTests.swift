import Linux
import RPC
import Records
import Testing
import Wire

private let python = Program.variable("MARTLET_TEST_PYTHON")

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
    /// Claude Code as a run has it, with servers outside: one by FastMCP that wants a key, and a program beside the daemon.
    @Test(.enabled(if: python != nil, "set MARTLET_TEST_PYTHON to what Tests/python/make-environment prints"))
    func `is led outside to servers whose keys stay there`() async throws {
        let martlet = try shared()
        let key = "mcp-key-\(Random.hex(20))"
        let programs = Installation.packageRoot + "/Tests/python"
        let upstream = try PipedChild(
            path: python ?? "",
            arguments: [python ?? "", "\(programs)/mcp_upstream.py", key],
            environment: martlet.environment
        )
        defer { upstream.kill() }
        let line = try await withDeadline(.seconds(60)) { try await upstream.output.read() }
        let url = String(decoding: line, as: UTF8.self).filter { !$0.isWhitespace }
        let header = "far Authorization: Bearer ${secret:mcp}"
        let servers = ["--mcp", "far=\(url)", "--mcp-header", header, "--mcp-tool", "far/add"]
        try await martlet.run(Say.steps(Say.text("no")), servers + ["Go"])
            .wasRefused("There is no secret 'mcp'; store it with 'martlet secret set mcp'", status: 1)
        try await martlet.martlet(["secret", "set", "mcp"], input: Array("\(key)\n".utf8))

        let beside: JSONValue = [
            "beside": [
                "command": "python3", "args": [.string("\(programs)/mcp_server.py"), "beside"],
                "env": ["TOKEN": "${secret:mcp}"],
            ]
        ]
        let script = Say.steps(
            [
                "tools": [
                    ["name": "mcp__far__add", "input": ["a": 40, "b": 2]],
                    ["name": "mcp__far__remove_everything", "input": [:]],
                    ["name": "mcp__beside__echo", "input": ["text": "hello"]],
                ],
                "capture": ["sum": ["tool": 0], "removed": ["tool": 1], "echo": ["tool": 2]],
            ],
            Say.text("sum ${sum}, removed ${removed}, echo ${echo}")
        )
        let run = try await martlet.run(script, servers + ["--mcp-config", beside.text(), "--keep", "Go"])
        let report = try run.ended(.valid)
        let said = report.result?.string ?? ""
        #expect(said.contains("42") && said.contains("echo beside: hello"), "\(said)")
        #expect(said.contains("No such tool available: mcp__far__remove_everything"), "\(said)")

        let sandbox = try #require(try await martlet.sandboxes().first { $0.id == report.sandboxID })
        // What is in the guest is found in its memory, and the key is not.
        let marker = "marker-\(Random.hex(24))"
        _ = try await martlet.exec(sandbox, "sh", "-c", "cat > /dev/shm/marker", input: Array(marker.utf8))
        #expect(try Memory.holds(marker, sandbox.processID))
        #expect(try !Memory.holds(key, sandbox.processID))
        let audit = try await martlet.client.call(ReadSandboxAudit.self, .init(id: sandbox.id)).lines
        let opened = audit.first { $0.event == "run.mcpServers" }?.facts
        #expect(opened?["servers"] == ["beside", "far"] && opened?["secrets"] == ["mcp"], "\(audit)")
        // With the run, the way to its servers has ended.
        let late = try await martlet.exec(
            sandbox,
            "curl",
            "-sS",
            "-d",
            "{}",
            "http://127.0.0.1:\(GuestProtocol.gatewayPort)/mcp/far"
        )
        #expect(late.text.contains("There is no MCP server 'far' here"), "\(late.text)")
        try await martlet.martlet(["kill", sandbox.id])

        try await martlet.martlet(["secret", "set", "mcp"], input: Array("another\n".utf8))
        let locked = try await martlet.run(Say.steps(Say.text("no")), servers + ["Go"]).ended(.sandboxFailed)
        #expect(locked.error?.code == "mcp_server", "\(String(describing: locked.error))")
        #expect(locked.error?.message.contains("did not start: it answered with status 401") == true)
    }
}
