import Arguments
import Linux
import ScriptedModel
import Wire

/// `martlet model`: a model that plays a script, for testing what is around agents.
enum ModelCommand {
    static let command = Command(
        "model",
        summary: "Serve a model that plays a script",
        discussion: """
            Speaks the Anthropic Messages API on 127.0.0.1 and answers as the script says. The URL is printed to standard \
            output, and each request to standard error. It runs until it is interrupted.
            """,
        examples: [
            .init(
                "martlet model script.json --port 8400 & ANTHROPIC_BASE_URL=http://127.0.0.1:8400 martlet run \"Hello\"",
                "Run an agent without a key"
            )
        ],
        options: [
            .value("--port", "PORT", "Port on 127.0.0.1; 0 takes any that is free", default: "0"),
            .flag("--quiet", short: "q", "Do not tell about requests"),
        ],
        arguments: [Positional("SCRIPT", "The script, a JSON file", completion: .files)],
        group: "Upkeep"
    ) { invocation in
        let path = try invocation.required("SCRIPT")
        let script: Script
        do {
            script = try Script(parsing: Files.read(path))
        } catch {
            throw CommandsError(.unusableInput, "The script '\(path)' can not be played", cause: error)
        }
        let port = UInt16(try invocation.integer("--port", in: 0...65_535) ?? 0)
        let listener: Listener
        do {
            listener = try Listener(.loopback(port))
        } catch let error as LinuxError where error.code == .addressInUse {
            throw CommandsError(.unusableInput, "Port \(port) of 127.0.0.1 is in use; choose another with --port")
        }
        try await StandardStream.output.write("http://\(listener.address)\n")
        // Requests are told by the server without waiting; what is said about them comes in their order.
        let (requests, feed) = AsyncStream.makeStream(of: String.self)
        let isQuiet = invocation.flag("--quiet")
        let server = ScriptedModelServer(script: script) { played in
            if !isQuiet { feed.yield(TerminalText.line("\(played)")) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await request in requests { try? await StandardStream.error.write("\(request)\n") } }
            defer { group.cancelAll() }
            try await server.run(on: listener)
        }
        return .success
    }
}
