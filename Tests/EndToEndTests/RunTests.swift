import FoundationEssentials
import Glibc
import Linux
import Records
import Testing
import Wire

/// Tests of the built product, as a person meets it: its commands, its daemon, real machines, the real Claude Code.
@Suite(.enabled(if: Installation.isPossible, Installation.absence), .sharedInstallation)
struct Martlet {}

extension Martlet {
    @Suite struct `a run` {
        @Test func `hands over values that its tools really found`() async throws {
            let martlet = try shared()
            let project = try Project("\(martlet.root)/work/values")
            try project.write("def first():\n    pass  # TODO one\n", to: "a.py")
            try project.write("# TODO two\n", to: "b/c.py")
            let schema = "\(martlet.root)/work/findings.json"
            try Files.write(findings.encoded(), to: schema)
            let script: JSONValue = [
                "steps": [
                    [
                        "tools": [["name": "Bash", "input": ["command": "find . -name '*.py' | sort"]]],
                        "capture": ["files": ["lines": true]],
                    ],
                    [
                        "tools": [
                            ["name": "Read", "input": ["file_path": "${files[0]}"]],
                            ["name": "Bash", "input": ["command": "grep -rh TODO . | wc -l; echo new > made.txt"]],
                        ],
                        "capture": [
                            "function": ["pattern": #"def (\w+)"#],
                            "todos": ["tool": 1, "pattern": #"\d+"#, "type": "integer"],
                        ],
                    ],
                    Say.result([
                        "summary": "${files.count} files, ${function}", "issues_found": "${todos}",
                        "recommendations": "${files}",
                    ]), Say.text("Done."),
                ]
            ]
            let run = try await martlet.run(
                script,
                [
                    "--dir", project.path, "--schema", schema, "--max-turns", "15", "--artifact", "made.txt",
                    "Review this code.",
                ]
            )
            let report = try run.ended(.valid)
            #expect(
                report.result == [
                    "summary": "2 files, first", "issues_found": 2, "recommendations": ["./a.py", "./b/c.py"],
                ]
            )
            #expect(report.toolCalls == ["Bash": 2, "Read": 1, "mcp__martlet__submit_result": 1])
            #expect(report.turns == 4)
            #expect(report.attempts.map(\.isValid) == [true])
            #expect(report.usage.requests == 4)
            #expect(report.usage.inputTokens == 400)
            #expect(abs((report.costUSD ?? 0) - 0.0032) < 0.000_001)
            #expect(report.diff?.contains("+++ b/made.txt") == true)
            #expect(report.template == "claude")
            #expect(report.isolation.hasPrefix("microvm ("))
            #expect(report.warnings == [])
            #expect(!report.kept)
            let fields = [
                "id", "outcome", "result", "attempts", "sessionID", "sandboxID", "template", "isolation", "model",
                "turns",
                "toolCalls", "usage", "costUSD", "durations", "permissionDenials", "diff", "artifacts", "transcript",
            ]
            for field in fields { #expect(run.json[field] != nil, "\(field)") }
            for step in ["create", "copyIn", "agent", "repair", "total"] {
                #expect(run.json["durations"]?[step]?.integer != nil, "\(step)")
            }
            let artifact = try #require(report.artifacts.first?.file)
            #expect(try Files.read(artifact) == Array("new\n".utf8))
            let transcript = try Files.read(try #require(report.transcript))
            #expect(try JSONValue(parsing: transcript.prefix { $0 != 0x0A })["type"] == "system")

            // Nothing of it runs any more, and all of it can be looked at.
            #expect(try await !martlet.sandboxes().contains { $0.id == report.sandboxID })
            let shown = try await martlet.martlet(["runs", "show", report.id, "--output", "json"])
            #expect(try JSONValue(parsing: shown.output)["result"] == report.result)
            #expect(try await martlet.martlet(["runs"]).text.contains(report.id))
            let lines = try await martlet.martlet(["runs", "transcript", report.id])
            #expect(lines.status == .exited(0) && lines.text.contains("Done."), "\(lines.errorText)")
        }

        @Test func `prints its result alone on standard output, and its steps on standard error`() async throws {
            let martlet = try shared()
            let line = try martlet.runArguments(
                Say.steps(Say.bash("echo seen"), Say.text("All is well.")),
                ["Go"],
                output: "text"
            )
            let output = try await Installation.slots.withPermit { try await martlet.martlet(line) }
            #expect(output.status == .exited(0), "\(output.errorText)")
            #expect(output.text == "All is well.\n")
            for step in ["sandbox:", "files:", "agent: Bash echo seen", "agent:", "result:", "teardown:", "valid"] {
                #expect(output.errorText.contains(step), "'\(step)' in: \(output.errorText)")
            }
        }

        @Test func `can print the agent's own events instead`() async throws {
            let martlet = try shared()
            let line = try martlet.runArguments(Say.steps(Say.text("Hello.")), ["Go"], output: "stream-json")
            let output = try await Installation.slots.withPermit { try await martlet.martlet(line) }
            let events = try output.output.split(separator: 0x0A).map { try JSONValue(parsing: $0) }
            #expect(events.first?["type"] == "system" && events.first?["subtype"] == "init")
            #expect(events.last?["type"] == "result" && events.last?["result"] == "Hello.")
            #expect(events.contains { $0["type"] == "assistant" })
        }

        @Test func `passes on its prompt byte by byte`() async throws {
            let martlet = try shared()
            let text = "<task a=\"1\">\n  'quotes' \"$(id)\" `ls` \\n &amp; \u{0} é 漢 🐦 ${HOME}\n</task>"
            let run = try await martlet.run(Say.steps(Say.text("${prompt}")), ["-"], input: Array(text.utf8))
            #expect(try run.ended(.valid).result == .string(text))

            // What is no UTF-8 becomes what Claude Code makes of it; the run goes on.
            let odd = try await martlet.run(
                Say.steps(Say.text("${prompt}")),
                ["-"],
                input: Array("before ".utf8) + [0xFF, 0xFE, 0xC3] + Array(" after".utf8)
            )
            let result = try odd.ended(.valid).result?.string ?? ""
            #expect(result.hasPrefix("before \u{FFFD}") && result.hasSuffix(" after"))
        }

        @Test func `takes a large prompt whole, and says when it is too large for the model`() async throws {
            let martlet = try shared()
            func prompt(_ lines: Int) -> [UInt8] {
                Array(
                    (String(repeating: "<line>Nothing to see here, go on.</line>\n", count: lines) + "the last words")
                        .utf8
                )
            }
            let script: JSONValue = [
                "conversations": [
                    ["when": "</line>\nthe last words", "steps": [Say.text("I have read it all.")]],
                    ["steps": [Say.text("Something is missing.")]],
                ]
            ]
            let run = try await martlet.run(script, ["-"], input: prompt(25_000))
            #expect(try run.ended(.valid).result == "I have read it all.")

            // Five megabytes are more than the context of any model; Claude Code says so.
            let large = try await martlet.run(script, ["-"], input: prompt(125_000))
            #expect(try large.ended(.agentFailed).error?.message.contains("too long") == true)
        }

        @Test func `tells its agent what the line says`() async throws {
            let martlet = try shared()
            try Files.write("Be brief. <b>'\"".utf8, to: "\(martlet.root)/work/system.txt")
            let run = try await martlet.run(
                Say.steps(Say.bash("echo \"$GREETING\"; tr '\\0' '\\n' < /proc/$PPID/cmdline"), Say.text("Done.")),
                [
                    "--env", "GREETING=hello  'world'", "--model", "some-model", "--max-turns", "9",
                    "--system-prompt-file",
                    "system.txt", "--disallow-tool", "WebSearch", "Go",
                ]
            )
            let report = try run.ended(.valid)
            #expect(report.model == "some-model")
            let transcript = String(decoding: try Files.read(try #require(report.transcript)), as: UTF8.self)
            for word in [
                "hello  'world'", "--max-turns=9", "--append-system-prompt=Be brief.", "WebSearch",
                "--model=some-model",
            ] {
                #expect(transcript.contains(word), "\(word)")
            }
            // Unknown models have no known price.
            #expect(report.usage.requests == 2)
        }

        @Test func `allows only the tools that were named`() async throws {
            let martlet = try shared()
            let run = try await martlet.run(
                Say.steps(Say.bash("touch /tmp/x"), Say.text("Done.")),
                ["--allow-tool", "Read", "Go"]
            )
            #expect(try run.ended(.valid).permissionDenials.first?["tool_name"] == "Bash")
        }

        @Test func `goes on in its session and its files`() async throws {
            let martlet = try shared()
            let project = try Project("\(martlet.root)/work/resumed")
            try project.write("one\n", to: "file.txt")
            let script = Say.steps(
                Say.bash("echo two >> file.txt"),
                Say.text("First."),
                Say.bash("cat file.txt; echo three >> file.txt"),
                Say.text("Second, after ${prompt}")
            )
            let line = try martlet.runArguments(script, [])
            let first = try await Installation.slots.withPermit {
                FinishedRun(try await martlet.martlet(line + ["--dir", project.path, "the beginning"]))
            }
            let report = try first.ended(.valid)
            #expect(report.result == "First.")
            let second = try await Installation.slots.withPermit {
                FinishedRun(try await martlet.martlet(line + ["--resume", String(report.id.prefix(8)), "and now?"]))
            }
            let resumed = try second.ended(.valid)
            #expect(resumed.result == "Second, after the beginning")
            #expect(resumed.sessionID == report.sessionID)
            #expect(resumed.resumedFrom == report.id)
            #expect(resumed.sandboxID != report.sandboxID)
            #expect(resumed.diff?.contains("+three") == true)
            #expect(resumed.diff?.contains("+two") == false)
            #expect(resumed.turns == 2)
            // Only its own part is paid: two answers of 0.0008 dollars.
            #expect(abs((resumed.costUSD ?? 0) - 0.0016) < 0.000_001)
        }

        @Test func `can keep its sandbox, which is then entered and killed`() async throws {
            let martlet = try shared()
            let run = try await martlet.run(
                Say.steps(Say.bash("echo here > note"), Say.text("Done.")),
                ["--keep", "Go"]
            )
            let report = try run.ended(.valid)
            #expect(report.kept)
            let sandbox = try #require(report.sandboxID)
            #expect(run.errorText.contains("martlet exec \(sandbox)"))
            let entered = try await martlet.martlet(["exec", sandbox, "--", "cat", "/home/user/workspace/note"])
            #expect(entered.text == "here\n", "\(entered.errorText)")

            let again = try await martlet.run(
                Say.steps(Say.text("Again.")),
                ["--resume", report.id, "--keep", "Go on"]
            )
            #expect(
                again.json["sandboxID"] == .string(sandbox),
                "the kept sandbox was not used again: \(again.errorText)"
            )

            #expect(try await martlet.martlet(["kill", sandbox]).status == .exited(0))
            #expect(try await !martlet.sandboxes().contains { $0.id == sandbox })
            #expect(try await martlet.martlet(["exec", sandbox, "true"]).status == .exited(125))
        }
    }
}
