import FoundationEssentials
import Glibc
import HTTP
import Linux
import ScriptedModel
import Synchronization
import Testing
import Wire

/// The real Claude Code, run on this machine in a directory and a home of its own.
struct ClaudeCode: Sendable {
    static let binary = Program.variable("MARTLET_TEST_CLAUDE")
    static let isThere = binary != nil
    static let absence: Comment = "set MARTLET_TEST_CLAUDE to the path of a Claude Code binary"

    /// Removed at the end; `work` and `home` are in it.
    let root: String
    let model: SocketAddress
    private let played: PlayedList

    var work: String { "\(root)/work" }
    var acts: [Played.Act] { played.all.map(\.act) }
    var requests: [Played] { played.all }

    struct Outcome: Sendable {
        let status: Linux.ExitStatus
        let messages: [JSONValue]
        let errorText: String

        var result: JSONValue { messages.last { $0["type"] == "result" } ?? nil }

        /// What the tools returned, in order.
        var toolResults: [JSONValue] {
            messages.flatMap { message in
                (message["message"]?["content"]?.array ?? []).filter { $0["type"] == "tool_result" }
            }
        }
    }

    static func with(
        _ script: JSONValue,
        _ body: @escaping @Sendable (ClaudeCode) async throws -> Void
    ) async throws {
        let listener = try Listener(.loopback(0))
        let address = listener.address
        let played = PlayedList()
        let server = ScriptedModelServer(script: try Script(document: script)) { played.add($0) }
        let root = FileManager.default.temporaryDirectory.path + "/martlet-test-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: root) }
        for name in ["work", "home", "tmp"] {
            try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run(on: listener) }
            defer {
                group.cancelAll()
                listener.close()
            }
            try await body(ClaudeCode(root: root, model: address, played: played))
        }
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(work)/\(name)"))
    }

    func run(_ prompt: String, _ arguments: [String] = [], variables: [String: String] = [:]) async throws -> Outcome {
        var program = try Program(
            Self.binary ?? "claude",
            ["-p", "--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"] + arguments,
            directory: work,
            input: Array(prompt.utf8)
        )
        program.environment = [
            "PATH": "/usr/bin:/bin", "HOME": "\(root)/home", "LANG": "C.UTF-8", "CLAUDE_CODE_TMPDIR": "\(root)/tmp",
            "ANTHROPIC_BASE_URL": "http://\(model)", "ANTHROPIC_API_KEY": "sk-ant-test-0000000000000000000000",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1",
            "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1", "ENABLE_TOOL_SEARCH": "false",
            "CLAUDE_CODE_MAX_RETRIES": "2", "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
        ].merging(variables) { _, given in given }
        let output = try await withDeadline(.seconds(120)) { [program] in try await program.run() }
        let messages = try output.output.split(separator: 0x0A).map { try JSONValue(parsing: $0) }
        return Outcome(status: output.status, messages: messages, errorText: output.errorText)
    }
}

private final class PlayedList: Sendable {
    private let list = Mutex<[Played]>([])
    var all: [Played] { list.withLock { $0 } }
    func add(_ played: Played) { list.withLock { $0.append(played) } }
}
