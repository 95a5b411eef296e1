import Linux
import ScriptedModel
import Testing
import Wire

@Suite(.enabled(if: ClaudeCode.isThere, ClaudeCode.absence), .serialized)
struct `Claude Code with a scripted model` {
    @Test func `reports what its tools really found`() async throws {
        let script: JSONValue = [
            "steps": [
                [
                    "text": "Looking.", "capture": ["files": ["lines": true]],
                    "tools": [["name": "Bash", "input": ["command": "find . -name '*.py' | sort"]]],
                ],
                [
                    "capture": ["function": ["pattern": #"def (\w+)"#]],
                    "tools": [["name": "Read", "input": ["file_path": "${files[1]}"]]],
                ],
                [
                    "capture": ["todos": ["tool": 1, "type": "integer"]],
                    "tools": [
                        ["name": "Bash", "input": ["command": "cat ${files[0]}"]],
                        ["name": "Bash", "input": ["command": "cat *.py | grep -c TODO"]],
                    ],
                ],
                ["text": "${files.count} files, ${function}, ${todos} left"],
                ["text": "resumed after ${todos}"],
            ]
        ]
        try await ClaudeCode.with(script) { claude in
            try claude.write("# TODO one\n# TODO two\n", to: "a.py")
            try claude.write("def answer():\n    pass  # TODO three\n", to: "b.py")
            let outcome = try await claude.run("Look around")
            #expect(outcome.status == .exited(0), "\(outcome.errorText)")
            #expect(outcome.result["result"] == "2 files, answer, 3 left")
            #expect(outcome.result["num_turns"] == 4 || outcome.result["num_turns"] == 5)
            #expect(outcome.toolResults.count == 4)
            #expect(outcome.toolResults.allSatisfy { $0["is_error"]?.bool != true })
            #expect(claude.acts == (0...3).map { .step($0, conversation: "script") })

            let session = try #require(outcome.result["session_id"]?.string)
            #expect(claude.requests.allSatisfy { $0.session == session })
            let resumed = try await claude.run("And now?", ["--resume", session])
            #expect(resumed.result["result"] == "resumed after 3")
        }
    }

    @Test(arguments: [
        #"{"status": 529, "times": 1}"#, #"{"dropAfter": 0, "times": 1}"#, #"{"dropAfter": 3, "times": 1}"#,
        #"{"errorAfter": 2}"#,
    ])
    func `gets over a fault and keeps its place`(fault: String) async throws {
        let script: JSONValue = [
            "steps": [
                ["tools": [["name": "Bash", "input": ["command": "echo here"]]], "capture": ["word": [:]]],
                ["text": "it is ${word}", "fault": try JSONValue(parsing: fault)],
            ]
        ]
        try await ClaudeCode.with(script) { claude in
            let outcome = try await claude.run("Go")
            #expect(outcome.status == .exited(0))
            #expect(outcome.result["result"] == "it is here")
            #expect(claude.acts.contains(.fault(step: 1, conversation: "script")))
        }
    }

    @Test func `tells what the script could not find`() async throws {
        let script: JSONValue = [
            "steps": [
                [
                    "tools": [["name": "Bash", "input": ["command": "echo nothing here"]]],
                    "capture": ["number": ["pattern": #"\d+"#]],
                ],
                ["text": "${number}"],
            ]
        ]
        try await ClaudeCode.with(script) { claude in
            let outcome = try await claude.run("Go")
            #expect(outcome.status == .exited(1))
            let text = outcome.result["result"]?.string ?? ""
            #expect(text.contains(#"found no match of '\d+' in the tool's result "nothing here""#), "\(text)")
            guard case .refused(400, _)? = claude.acts.last else {
                Issue.record("\(claude.acts)")
                return
            }
        }
    }

    @Test func `goes on after a failed run`() async throws {
        let script: JSONValue = [
            "steps": [
                ["text": "one"], ["text": "two", "fault": ["status": 403, "times": 1]], ["text": "three"],
            ]
        ]
        try await ClaudeCode.with(script) { claude in
            let first = try await claude.run("Go")
            let session = try #require(first.result["session_id"]?.string)
            let failed = try await claude.run("on", ["--resume", session])
            #expect(failed.status == .exited(1))
            #expect(failed.result["is_error"] == true)
            #expect(try await claude.run("on again", ["--resume", session]).result["result"] == "two")
            #expect(try await claude.run("and on", ["--resume", session]).result["result"] == "three")
        }
    }

    @Test func `gives its subagents their own steps`() async throws {
        let script: JSONValue = [
            "steps": [
                [
                    "tools": [
                        [
                            "name": "Agent",
                            "input": [
                                "description": "count", "prompt": "Count the files", "subagent_type": "general-purpose",
                            ],
                        ]
                    ], "capture": ["answer": ["pattern": "there are .*"]],
                ],
                ["text": "The subagent says ${answer}"],
            ],
            "subagents": [
                [
                    "when": "Count",
                    "steps": [
                        [
                            "tools": [["name": "Bash", "input": ["command": "ls | wc -l"]]],
                            "capture": ["count": ["type": "integer"]],
                        ],
                        ["text": "there are ${count}"],
                    ],
                ]
            ],
        ]
        try await ClaudeCode.with(script) { claude in
            try claude.write("x", to: "x")
            let outcome = try await claude.run("Go")
            #expect(outcome.result["result"] == "The subagent says there are 1")
            #expect(claude.requests.count { $0.agent != nil } == 2)
        }
    }

    @Test func `may run many times at once`() async throws {
        let script: JSONValue = [
            "steps": [
                [
                    "tools": [["name": "Bash", "input": ["command": "echo '${prompt}' | rev"]]],
                    "capture": ["word": [:]],
                ],
                ["text": "${word}"],
            ]
        ]
        try await ClaudeCode.with(script) { claude in
            let results = try await withThrowingTaskGroup(of: JSONValue?.self) { group in
                for prompt in ["abc", "xyz"] {
                    group.addTask { try await claude.run(prompt).result["result"] }
                }
                return try await group.reduce(into: Set<JSONValue?>()) { $0.insert($1) }
            }
            #expect(results == ["cba", "zyx"])
        }
    }
}
