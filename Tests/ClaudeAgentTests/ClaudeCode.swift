import ClaudeAgent
import FoundationEssentials
import HTTP
import Linux
import ScriptedModel
import Testing
import Wire

/// The real Claude Code with a scripted model, in a directory and a home of its own.
struct ClaudeCode: Sendable {
    static let binary = Program.variable("MARTLET_TEST_CLAUDE")
    static let isThere = binary != nil
    static let absence: Comment = "set MARTLET_TEST_CLAUDE to the path of a Claude Code binary"

    /// Removed at the end; `work` and `home` are in it.
    let root: String
    let model: SocketAddress

    var work: String { "\(root)/work" }

    /// Options that run it here.
    var options: AgentOptions {
        var options = AgentOptions()
        options.transport = LocalTransport(executable: Self.binary, inheritsEnvironment: false)
        options.workingDirectory = work
        options.environment = [
            "PATH": "/usr/bin:/bin", "HOME": "\(root)/home", "LANG": "C.UTF-8", "CLAUDE_CODE_TMPDIR": "\(root)/tmp",
            "ANTHROPIC_BASE_URL": "http://\(model)", "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000000000",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1", "ENABLE_TOOL_SEARCH": "false",
            "CLAUDE_CODE_MAX_RETRIES": "2", "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
        ]
        return options
    }

    func exists(_ name: String) -> Bool { Files.exists("\(work)/\(name)") }

    static func with(
        _ script: JSONValue,
        _ body: @escaping @Sendable (ClaudeCode) async throws -> Void
    ) async throws {
        let listener = try Listener(.loopback(0))
        // A list is the steps of the only conversation.
        let document = script.array == nil ? script : ["steps": script]
        let server = ScriptedModelServer(script: try Script(document: document)) { _ in }
        let root = "\(FileManager.default.temporaryDirectory.path)/martlet-test-\(Random.name(12))"
        defer { try? Files.remove(root) }
        for name in ["work", "home", "tmp"] { try Files.makeDirectory("\(root)/\(name)") }
        let claude = ClaudeCode(root: root, model: listener.address)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run(on: listener) }
            defer {
                group.cancelAll()
                listener.close()
            }
            try await withDeadline(.seconds(120)) { try await body(claude) }
        }
    }

    /// A step in which the model calls one tool.
    static func step(_ tool: String, _ input: JSONValue) -> JSONValue {
        ["tools": [["name": .string(tool), "input": input]]]
    }
}

extension [AgentMessage] {
    /// What tools returned, in order, and whether it was an error.
    var toolResults: [(text: String, isError: Bool)] {
        flatMap { message -> [(String, Bool)] in
            guard case .user(let message) = message else { return [] }
            return message.content.compactMap { block in
                guard case .toolResult(_, let content, let isError) = block else { return nil }
                return (ContentBlock.text(of: content), isError)
            }
        }
    }
}
