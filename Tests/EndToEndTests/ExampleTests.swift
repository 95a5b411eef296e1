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
        let said = try await Example(directory: Self.directory).run(name, in: martlet)
        said.expect(says)
        // The key of the program stays where it can do nothing.
        let keys = Set(martlet.model.requests.compactMap { $0.headers["x-api-key"] })
        #expect(keys == [Installation.key])
    }
}

/// The programs in `examples/templates`, which make a template on `claude` by E2B's SDK and by a Dockerfile.
@Suite(.serialized, .enabled(if: PythonPrograms.isPossible, PythonPrograms.absence), .sharedInstallation)
struct `an example of a template` {
    private static let example = Example(directory: Installation.packageRoot + "/examples/templates")

    @Test func `is built and used by a program for E2B`() async throws {
        let said = try await Self.example.run("custom_template", in: try shared())
        said.expect([
            "STEP 3: WORKDIR /home/user/shop", "built shop", "{\"status\": \"open\"}", "/home/user/shop", "start",
            "All orders together came to 16 cents.",
        ])
    }

    @Test func `is built and used by the command line`() async throws {
        let martlet = try shared()
        try Self.example.play(on: martlet)
        let line = [
            "template", "build", "shop-by-file", "--dockerfile", "Dockerfile", "--context", ".", "--ready",
            "curl -sf localhost:8000/health",
        ]
        try await Installation.slots.withMost {
            let built = try await martlet.martlet(line, directory: Self.example.directory)
            #expect(built.status.isSuccess, "\(built.errorText)")
            let run = try await martlet.martlet([
                "run", "--template", "shop-by-file", "What did the shop take in all its orders?",
            ])
            #expect(run.text.contains("All orders together came to 16 cents."), "\(run)")
        }
    }
}

/// A directory below `examples`, with programs for E2B and a model that plays along.
private struct Example: Sendable {
    let directory: String

    struct Said {
        let output: Program.Output

        /// Holds what a program said to what it must say, in this order.
        func expect(_ says: [String]) {
            #expect(PythonPrograms.isEnd(output.status), "\(output.errorText.suffix(4000))")
            var rest = output.text[...]
            for text in says {
                let place = rest.ranges(of: text).first
                #expect(place != nil, "'\(text)' is not said, or not in this order: \(output.text.suffix(4000))")
                if let place { rest = rest[place.upperBound...] }
            }
        }
    }

    func play(on martlet: Installation) throws {
        try martlet.model.play(try JSONValue(parsing: Files.read("\(directory)/model-script.json")))
    }

    /// Runs a program as it was published.
    func run(_ name: String, in martlet: Installation) async throws -> Said {
        try play(on: martlet)
        let programs = PythonPrograms(martlet: martlet, version: "2.63.0")
        // Their commands have the SDK's minute, as published, and Claude Code needs most of it beside others.
        let output = try await Installation.slots.withMost {
            try await programs.run(
                ["\(name).py"],
                variables: ["ANTHROPIC_API_KEY": "sk-ant-of-the-program"],
                directory: directory
            )
        }
        return Said(output: output)
    }
}
