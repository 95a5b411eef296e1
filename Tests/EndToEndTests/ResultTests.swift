import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a result that must fit a schema` {
        private static let schema = ["--schema", findings.text()]
        private static let good: JSONValue = ["summary": "Two functions are unused", "issues_found": 2]
        private static let wrong: JSONValue = ["summary": "Two functions are unused", "issues_found": "two"]

        private func run(_ script: JSONValue, _ arguments: [String] = []) async throws -> FinishedRun {
            try await shared().run(script, Self.schema + arguments + ["Review this code"])
        }

        @Test func `is asked for twice, then the run has none`() async throws {
            let run = try await run(Say.steps(Say.text("Done."), Say.text("Really."), Say.text("I said done.")))
            let report = try run.ended(.noResult)
            #expect(report.turns == 3)
            #expect(report.attempts.isEmpty)
            #expect(report.result == nil)
            #expect(report.durations.repair > 0)
        }

        @Test func `is repaired when it comes after being asked`() async throws {
            let run = try await run(
                Say.steps(Say.text("Done."), Say.text("Yes."), Say.result(Self.good), Say.text("There."))
            )
            let report = try run.ended(.repaired)
            #expect(report.result == Self.good)
            #expect(report.attempts.map(\.round) == [2])
        }

        @Test func `is invalid after three wrong ones`() async throws {
            let run = try await run(
                Say.steps(
                    Say.result(Self.wrong),
                    Say.text("Done."),
                    Say.result([:]),
                    Say.text("Done."),
                    Say.result(["summary": 3, "issues_found": 2]),
                    Say.text("Done.")
                )
            )
            let report = try run.ended(.invalid)
            #expect(report.attempts.map(\.round) == [0, 1, 2])
            #expect(report.attempts.allSatisfy { !$0.isValid && !$0.faults.isEmpty })
            #expect(report.attempts[0].arguments == Self.wrong)
            #expect(report.error?.message.contains("/summary") == true)
            #expect(run.errorText.contains("a result was refused"))
        }

        @Test func `is valid when the agent mends it by itself, and the last one counts`() async throws {
            let other: JSONValue = ["summary": "Three functions are unused", "issues_found": 3]
            let run = try await run(
                Say.steps(Say.result(Self.wrong), Say.result(Self.good), Say.result(other), Say.text("Done."))
            )
            let report = try run.ended(.valid)
            #expect(report.result == other)
            #expect(report.attempts.map(\.isValid) == [false, true, true])
            #expect(report.attempts.map(\.round) == [0, 0, 0])
        }

        @Test func `is degenerate when it says nothing`() async throws {
            let run = try await run(
                Say.steps(Say.result(["summary": "TODO", "issues_found": 0]), Say.text("Done."))
            )
            #expect(try run.ended(.degenerate).result == ["summary": "TODO", "issues_found": 0])
        }

        @Test func `counts although the agent's turns are used up with it`() async throws {
            let run = try await run(
                Say.steps(Say.bash("true"), Say.result(Self.good), Say.text("Done.")),
                ["--max-turns", "2"]
            )
            try run.ended(.valid)
        }

        @Test func `need not be an object`() async throws {
            let martlet = try shared()
            let run = try await martlet.run(
                Say.steps(Say.result(["result": ["a.py", "b.py"]]), Say.text("Done.")),
                [
                    "--schema", #"{"type": "array", "items": {"type": "string"}}"#, "--tool-name", "hand_in",
                    "List the files",
                ]
            )
            let report = try run.ended(.valid)
            #expect(report.result == ["a.py", "b.py"])
            #expect(report.toolCalls == ["mcp__martlet__hand_in": 1])
        }
    }

    @Suite struct `a limit` {
        @Test func `on turns ends the run`() async throws {
            let run = try await shared().run(
                Say.steps(Say.bash("echo 1"), Say.bash("echo 2"), Say.bash("echo 3"), Say.text("Done.")),
                ["--max-turns", "2", "Go"]
            )
            let report = try run.ended(.maxTurns)
            #expect(report.turns == 2)
            #expect(report.error?.message.contains("--max-turns") == true)
        }

        @Test func `on money ends the run`() async throws {
            let dear: JSONValue = ["usage": ["input_tokens": 1_000_000, "output_tokens": 1000]]
            func bash(_ command: String) -> JSONValue {
                .object((Say.bash(command).object ?? [:]).merging(dear.object ?? [:]) { _, new in new })
            }
            let run = try await shared().run(
                Say.steps(bash("echo 1"), bash("echo 2"), bash("echo 3"), Say.text("Done.")),
                ["--max-cost", "5", "Go"]
            )
            let report = try run.ended(.budget)
            #expect(report.usage.requests == 2)
            #expect(report.error?.message.contains("--max-cost") == true)
        }

        @Test func `on time ends the run, and what was done until then is reported`() async throws {
            let run = try await shared().run(
                Say.steps(Say.bash("echo changed > file; tail -f /dev/null")),
                ["--timeout", "45s", "Go"]
            )
            let report = try run.ended(.timedOut)
            #expect(report.toolCalls["Bash"] ?? 0 >= 1)
            #expect(report.sessionID != nil)
            #expect(report.diff?.contains("+changed") == true)
            #expect(report.error?.message.contains("--timeout") == true)
        }
    }

    @Suite struct `a model's failure` {
        private static let few = ["--env", "CLAUDE_CODE_MAX_RETRIES=1"]

        @Test(arguments: [
            (401, "ANTHROPIC_API_KEY"), (429, "higher limits"), (500, "later"), (529, "later"),
        ])
        func `by status ends the run with what to do`(status: Int, advice: String) async throws {
            let run = try await shared().run(
                Say.steps(Say.fault(["status": .integer(Int64(status))])),
                Self.few + ["Go"]
            )
            let report = try run.ended(.agentFailed)
            #expect(report.error?.code == "model_\(status)")
            #expect(report.error?.message.contains(advice) == true)
        }

        @Test func `is got over where trying again helps`() async throws {
            let run = try await shared().run(
                Say.steps(
                    ["text": "one", "tools": Say.bash("echo 1")["tools"] ?? [], "fault": ["status": 529, "times": 1]],
                    ["text": "Fine after a drop.", "fault": ["dropAfter": 3, "times": 1]]
                ),
                ["Go"]
            )
            #expect(try run.ended(.valid).result == "Fine after a drop.")
            #expect(run.errorText.contains("trying again"))
        }

        @Test func `in the middle of every answer ends the run`() async throws {
            let run = try await shared().run(
                Say.steps(["text": "never whole", "fault": ["dropAfter": 0]]),
                Self.few + ["Go"]
            )
            try run.ended(.agentFailed)
        }

        @Test func `to answer at all ends with the run's time`() async throws {
            let run = try await shared().run(
                Say.steps(["text": "never", "fault": ["hangAfter": 0]]),
                ["--timeout", "10s", "Go"]
            )
            try run.ended(.timedOut)
        }
    }
}
