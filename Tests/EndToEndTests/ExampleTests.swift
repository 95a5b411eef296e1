import HTTP
import Linux
import Testing
import Wire

/// The programs in `examples/e2b`, with the real Claude Code in a sandbox and the model of `model-script.json`.
@Suite(.serialized, .enabled(if: PythonPrograms.isPossible, PythonPrograms.absence), .sharedInstallation)
struct `an example for E2B` {
    private static let directory = Installation.packageRoot + "/examples/e2b"

    /// A program, and what it must say, in this order.
    private static let programs: [(name: String, says: [String])] = [
        ("run_headless", ["main.go has 13 lines and answers \"Hello, world!\" on port 8080."]),
        (
            "cloned_repository",
            ["There are 2 endpoints; create refuses bad input now.", "+class BadRequest(Exception):", "+    except"]
        ), ("structured_output", ["'subtype': 'success'", "{\"files\": 0, \"issues\": []}"]),
        ("streaming_output", ["[assistant] tokens: ", "[assistant] tokens: ", "[done] success in "]),
        ("resume_session", ["Step 1 is done.", "+def field(body, name):"]),
        ("project_context", ["/healthz answers 200 and logs with slog."]),
        ("analyze_code", ["\"summary\": \"", "files.\"", "\"issues_found\": ", "timeout=0"]),
    ]

    @Test(arguments: programs) func `runs as it was published`(_ name: String, _ says: [String]) async throws {
        let martlet = try shared()
        try martlet.model.play(try JSONValue(parsing: Files.read("\(Self.directory)/model-script.json")))
        let programs = PythonPrograms(martlet: martlet, version: "2.63.0")
        // Their commands have the SDK's minute, as published, and Claude Code needs most of it beside others.
        let output = try await Installation.slots.withMost {
            try await programs.run(
                ["\(name).py"],
                variables: ["ANTHROPIC_API_KEY": "sk-ant-of-the-program"],
                directory: Self.directory
            )
        }
        #expect(PythonPrograms.isEnd(output.status), "\(output.errorText.suffix(4000))")
        var rest = output.text[...]
        for text in says {
            let place = rest.ranges(of: text).first
            #expect(place != nil, "'\(text)' is not said, or not in this order: \(output.text.suffix(4000))")
            if let place { rest = rest[place.upperBound...] }
        }
        // The key of the program stays where it can do nothing.
        let keys = Set(martlet.model.requests.compactMap { $0.headers["x-api-key"] })
        #expect(keys == [Installation.key])
    }
}
