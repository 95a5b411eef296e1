import Linux
import RPC
import Records
import Testing
import Wire

extension Martlet {
    @Suite struct `the best of several agents` {
        /// Each rolls a number and hands it over.
        private static let roll: JSONValue = [
            "steps": [
                [
                    "tools": [
                        [
                            "name": "Bash",
                            "input": ["command": "shuf -i 1-1000000 -n 1 | tee number; echo more >> given"],
                        ]
                    ],
                    "capture": ["number": ["tool": 0, "pattern": "(\\d+)", "type": "integer"]],
                ],
                [
                    "tools": [
                        [
                            "name": "${resultTool}",
                            "input": ["summary": "I rolled ${number}, which is high", "issues_found": "${number}"],
                        ]
                    ]
                ], ["text": "Done."],
            ]
        ]

        @Test func `is what the judge's command scores highest, with its files and at the price of all`() async throws {
            let martlet = try shared()
            let directory = "\(martlet.root)/work/best-of"
            try Files.makeDirectory(directory)
            try Files.write("given\n".utf8, to: "\(directory)/given")
            let run = try await martlet.run(
                Self.roll,
                [
                    "--dir", directory, "--best-of", "3", "--judge",
                    "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"issues_found\"])' && test -f given && cat number",
                    "--schema", findings.text(), "Roll",
                ]
            )
            let report = try run.ended(.valid)
            let candidates = try #require(report.candidates)
            #expect(candidates.count == 3)
            #expect(candidates.allSatisfy { $0.outcome == .valid })
            let scores = candidates.compactMap(\.score)
            #expect(Set(scores).count == 3, "Each rolled for itself: \(scores)")
            #expect(candidates.map(\.isWinner) == [true, false, false])
            #expect(candidates.first?.score == scores.max())
            #expect(report.result?["issues_found"]?.number == scores.max())
            #expect(report.diff?.contains("+\(Int(scores.max() ?? 0))\n") == true)
            #expect(report.usage.requests == candidates.count * 3)
            #expect(try await martlet.sandboxes().allSatisfy { $0.metadata["run"] != report.id })
            // Each has a report of its own, and the whole can be gone on with.
            let shown = try await martlet.client.call(GetRun.self, RunReference(id: candidates[1].run))
            #expect(shown.candidateOf == report.id)
            #expect(Files.exists("\(martlet.home.runs)/\(report.id)/session.jsonl"))
        }

        @Test func `is what a further agent chooses`() async throws {
            let schema: JSONValue = [
                "type": "object", "required": ["winner", "reason"],
                "properties": ["winner": ["type": "integer"], "reason": ["type": "string"]],
            ]
            // The judge plays the same script: it chooses the second.
            let verdict: JSONValue = ["winner": 2, "reason": "It is the more careful one of the two"]
            let run = try await shared().run(
                Say.steps(Say.result(verdict), Say.text("Done.")),
                ["--best-of", "2", "--judge-prompt", "Which is better?", "--schema", schema.text(), "Choose"]
            )
            let report = try run.ended(.valid)
            #expect(report.warnings.isEmpty)
            #expect(report.candidates?.first?.judgement == "It is the more careful one of the two")
            #expect(report.usage.requests == 3 * 2)
        }

        @Test func `is not asked for with what does not fit it`() async throws {
            let martlet = try shared()
            for line in [
                ["--best-of", "0", "Go"], ["--best-of", "17", "Go"], ["--judge", "true", "Go"],
                ["--best-of", "2", "--judge", "true", "--judge-prompt", "Which?", "Go"],
                ["--best-of", "2", "--resume", "r1234", "Go"],
            ] {
                FinishedRun(try await martlet.martlet(["run"] + line)).wasRefused("--")
            }
        }
    }
}
