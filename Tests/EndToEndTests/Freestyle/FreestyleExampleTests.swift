import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// The programs in `examples/freestyle`, with the real Claude Code in machines and the model of `model-script.json`.
@Suite(
    .serialized,
    .enabled(if: FreestyleExamples.python != nil && PythonPrograms.isPossible, PythonPrograms.absence),
    .sharedInstallation
)
struct `an example for Freestyle's API` {
    /// In the order in which a person runs them, and what each must say, in that order.
    private static let programs: [(name: String, says: [String])] = [
        ("build_snapshot", ["install: 0", "version: ", "(Claude Code)", "user: 0", "snapshot: i"]),
        ("one_off_prompt", ["nothing here can harm."]),
        (
            "autonomous_task",
            ["The button began at 0 and counts cookies now.", "<button onclick=\"this.textContent++\">", "claude"]
        ), ("interactive", ["session: True", "in the chat", "session: False", "still in the chat"]),
        (
            "agent_sdk",
            [
                "refused: Bash rm draft-1 draft-2", "allowed: Bash mkdir drafts", "claude: The drafts are in a folder",
                "ended: success", "left: ['drafts', 'report']",
            ]
        ),
    ]

    @Test func `runs as the guide has it`() async throws {
        let martlet = try shared()
        let examples = FreestyleExamples(martlet: martlet)
        try martlet.model.play(try JSONValue(parsing: Files.read("\(FreestyleExamples.directory)/model-script.json")))
        var snapshot: String?
        for (name, says) in Self.programs {
            let said = snapshot
            let output = try await Installation.slots.withMost { try await examples.run("\(name).py", snapshot: said) }
            try #require(
                output.status.isSuccess,
                "\(name): \(output.text.suffix(2000)) \(output.errorText.suffix(4000))"
            )
            var rest = output.text[...]
            for text in says {
                let place = rest.ranges(of: text).first
                #expect(
                    place != nil,
                    "\(name): '\(text)' is not said, or not in this order: \(output.text.suffix(4000))"
                )
                if let place { rest = rest[place.upperBound...] }
            }
            if snapshot == nil {
                snapshot = output.text.split(separator: "snapshot: ").last.map { $0.filter { !$0.isWhitespace } }
            }
        }
        // The key of the programs stays where it can do nothing.
        #expect(Set(martlet.model.requests.compactMap { $0.headers["x-api-key"] }) == [Installation.key])
        // Nothing is left but the snapshot.
        let sandboxes = try await martlet.sandboxes()
        #expect(sandboxes.map(\.id) == [snapshot])
        if let snapshot { _ = try await martlet.client.call(KillSandbox.self, .init(id: snapshot)) }
    }
}

/// Runs the programs against an installation's daemon.
struct FreestyleExamples: Sendable {
    static let directory = Installation.packageRoot + "/examples/freestyle"
    /// An interpreter that has the package `websockets`; scripts/test makes it.
    static let python = Program.variable("MARTLET_TEST_PYTHON")

    let martlet: Installation

    func run(_ program: String, snapshot: String?) async throws -> Program.Output {
        // The Agent SDK has an environment of its own.
        let python = program == "agent_sdk.py" ? PythonPrograms.interpreter(of: "claude") : try #require(Self.python)
        var run = try Program(python, ["-B", program], directory: Self.directory)
        let file = try JSONValue(parsing: Files.read(martlet.home.daemonFile))
        var variables = [
            "FREESTYLE_API_KEY": String(decoding: try Files.read(martlet.home.apiKey), as: UTF8.self),
            "FREESTYLE_API_URL": try #require(file["url"]?.string),
            "ANTHROPIC_API_KEY": "sk-ant-of-the-program-and-of-nobody-else",
        ]
        variables["FREESTYLE_SNAPSHOT"] = snapshot
        // For `martlet-claude`.
        let programs = Installation.binary.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        variables["PATH"] = "\(programs.joined(separator: "/")):\(martlet.environment["PATH"] ?? "")"
        run.environment = martlet.environment.merging(variables) { _, own in own }
        return try await withDeadline(Installation.deadline) { [run] in try await run.run() }
    }
}
