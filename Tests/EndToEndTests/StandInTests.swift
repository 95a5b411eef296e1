import Glibc
import Linux
import RPC
import Records
import Testing
import Wire

extension Installation {
    /// The program that stands in for `claude`, beside `martlet`.
    static var standIn: String { binary + "-claude" }

    /// What a program that starts agents has in its environment, for agents that talk to `script`.
    func standInVariables(_ script: JSONValue) throws -> [String: String] {
        let headers = "\(Model.header): \(try model.add(script))"
        return environment.merging([
            "ANTHROPIC_CUSTOM_HEADERS": headers, "MARTLET_CLAUDE_ENV": "ANTHROPIC_CUSTOM_HEADERS",
            // A credential here is none of the sandbox's business.
            "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat-\(Random.hex(16))",
        ]) { _, own in own }
    }

    /// Runs the stand-in to its end.
    func standIn(
        _ arguments: [String],
        input: [UInt8] = [],
        variables: [String: String]
    ) async throws -> Program.Output {
        var program = try Program(Self.standIn, arguments, directory: "\(root)/work", input: input)
        program.environment = variables
        return try await withDeadline(Self.deadline) { [program] in try await program.run() }
    }
}

extension Martlet {
    @Suite(.enabled(if: Files.exists(Installation.standIn), "martlet-claude is not built"))
    struct `a stand-in for claude` {
        @Test func `has its streams, its files and its status`() async throws {
            let martlet = try shared()
            try await Installation.slots.withPermit {
                let variables = try martlet.standInVariables(
                    Say.steps(Say.bash("cat; echo $CLAUDE_CODE_OAUTH_TOKEN."), Say.text("done"))
                )
                let version = try await martlet.standIn(["--version"], variables: variables)
                #expect(version.text.hasSuffix("(Claude Code)\n"))

                try Files.write(Array("Say hello first.".utf8), to: "\(martlet.root)/work/system.txt")
                let agent = try await martlet.standIn(
                    ["-p", "--append-system-prompt-file", "system.txt", "--dangerously-skip-permissions"],
                    input: Array("Go".utf8),
                    variables: variables
                )
                #expect(agent.status == .exited(0), "\(agent.errorText)")
                #expect(agent.text == "done\n")

                let wrong = try await martlet.standIn(["-p", "--no-such-option"], variables: variables)
                #expect(wrong.status == .exited(1))
                #expect(wrong.errorText.contains("--no-such-option"), "\(wrong.errorText)")
                #expect(wrong.output.isEmpty)
            }
        }

        @Test func `runs in a sandbox that is there, which stays`() async throws {
            let martlet = try shared()
            try await martlet.withSandbox { sandbox in
                _ = try await martlet.exec(sandbox, "mkdir", "-p", "-m", "777", "/work")
                var variables = try martlet.standInVariables(Say.steps(Say.bash("touch made"), Say.text("done")))
                variables["MARTLET_SANDBOX"] = sandbox.id
                variables["MARTLET_CLAUDE_DIR"] = "/work"
                let agent = try await martlet.standIn(
                    ["-p", "Go", "--dangerously-skip-permissions"],
                    variables: variables
                )
                #expect(agent.status == .exited(0), "\(agent.errorText)")
                #expect(try await martlet.exec(sandbox, "ls", "/work").text == "made\n")
            }
        }

        @Test(arguments: [SIGTERM, SIGKILL]) func `that is ended by a signal leaves no sandbox`(_ signal: Int32)
            async throws
        {
            let martlet = try shared()
            try await Installation.slots.withPermit {
                var variables = try martlet.standInVariables(Say.steps(Say.forever))
                variables["MARTLET_CLAUDE_LEASE"] = "6"
                let environment = variables
                let mark = "\"type\":\"assistant\""
                let (output, id) = try await withDeadline(Installation.deadline) {
                    try await LiveProgram.with(
                        Installation.standIn,
                        [
                            "-p", "Go", "--output-format", "stream-json", "--verbose",
                            "--dangerously-skip-permissions",
                        ],
                        environment: environment,
                        directory: "\(martlet.root)/work"
                    ) { program in
                        try await program.says(mark)
                        let pid = String(program.child.pid)
                        let sandbox = try await martlet.sandboxes().first { $0.metadata["martlet-claude"] == pid }
                        program.child.send(signal)
                        return sandbox?.id
                    }
                }
                // Claude Code ends by itself when it is asked to, with this status.
                #expect(output.status == (signal == SIGKILL ? .signalled(SIGKILL) : .exited(143)))
                let sandbox = try #require(id)
                try await retrying(every: .milliseconds(50), for: .seconds(120)) {
                    try await martlet.sandboxes().contains { $0.id == sandbox } ? nil : ()
                }
            }
        }

        @Test(.enabled(if: PythonPrograms.isPossible, PythonPrograms.absence))
        func `is all that the Claude Agent SDK needs`() async throws {
            let martlet = try shared()
            try await Installation.slots.withPermit {
                let script = Say.steps(
                    ["tools": [["name": "mcp__sums__add", "input": ["a": 2, "b": 3]]]],
                    Say.bash("touch ORIGINAL && ls"),
                    Say.bash("touch forbidden"),
                    Say.text("looked"),
                    Say.bash("touch waiting; tail -f /dev/null"),
                    Say.text("good-bye")
                )
                var program = try Program(
                    PythonPrograms.interpreter(of: "claude"),
                    ["-B", "agent.py", Installation.standIn],
                    directory: Installation.packageRoot + "/Tests/python/claude"
                )
                program.environment = try martlet.standInVariables(script)
                let agent = try await withDeadline(Installation.deadline) { [program] in try await program.run() }
                #expect(agent.status == .exited(0), "\(agent.errorText)")
                let seen = try JSONValue(parsing: agent.output)
                #expect(seen["sums"] == [["a": 2, "b": 3]])
                let asked = seen["permissions"]?.array ?? []
                #expect(asked.prefix(2).map { $0[0] } == ["Bash", "Bash"], "\(asked)")
                #expect(seen["hooks"]?.array?.prefix(3) == ["mcp__sums__add", "Bash", "Bash"])
                #expect(seen["partial"]?.integer ?? 0 > 0)
                let results = seen["tool_results"]?.array?.compactMap(\.string) ?? []
                #expect(results.first?.contains("the sum is 5") == true, "\(results)")
                #expect(results.contains { $0.contains("changed") } && !results.contains { $0.contains("ORIGINAL") })
                #expect(results.contains { $0.contains("not while I watch") })
                let ends = seen["results"]?.array ?? []
                #expect(ends.map { $0[0] } == ["success", "error_during_execution", "success"], "\(ends)")
                #expect(ends.last?[1] == "good-bye")
            }
        }
    }
}

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a program that the daemon's end cuts off` {
    @Test func `goes on, and none of it is lost`() async throws {
        try await Installation.with(arguments: ["--pool", "0"]) { martlet in
            try await martlet.withSandbox { sandbox in
                // It ends when it is told to, and so runs through all that happens here.
                let script = "i=0; while [ ! -e /tmp/over ]; do i=$((i+1)); echo line $i; sleep 0.01; done; cat; exit 6"
                let line = ["exec", "-i", "-u", "root", sandbox.id, "--", "sh", "-c", script]
                let (output, _) = try await martlet.martlet(live: line) { program in
                    try await program.says("line 20\n")
                    try await martlet.endDaemon(SIGKILL)
                    try await martlet.start(["--pool", "0"])
                    try await program.says("line 300\n")
                    let over = try await martlet.exec(sandbox, "touch", "/tmp/over")
                    #expect(over.status == .exited(0), "\(over.errorText)")
                }
                #expect(output.status == .exited(6), "\(output.errorText)")
                let lines = output.text.split(separator: "\n")
                #expect(lines.count > 300)
                #expect(lines.enumerated().allSatisfy { $1 == "line \($0 + 1)" })
            }
        }
    }
}
