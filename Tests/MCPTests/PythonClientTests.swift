import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

@testable import MCP

private let python = Program.variable("MARTLET_TEST_PYTHON")

@Suite(
    .enabled(
        if: python != nil,
        "set MARTLET_TEST_PYTHON to what Tests/python/make-environment prints"
    )
)
struct `a result server with clients of the Python world` {
    /// The clients, and the revision that each ends with where it tells.
    private static let kinds: [(String, JSONValue?)] = [
        ("fastmcp", nil), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28"), ("legacy", "2025-11-25"),
    ]

    private func talk(_ kind: String, to target: String) async throws -> JSONValue {
        let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../python/clients.py")
        let program = try Program(python ?? "python3", [script.path, kind, target])
        let output = try await withDeadline(.seconds(90)) { try await program.run() }
        try #require(output.status.isSuccess, "\(output.errorText)")
        return try JSONValue(parsing: output.output)
    }

    private func check(_ seen: JSONValue, _ revision: JSONValue?, _ server: ResultServer) {
        if let revision { #expect(seen["revision"] == revision) }
        #expect(seen["tools"] == ["submit_result"])
        #expect(seen["required"] == ["summary", "issues_found", "recommendations"])
        #expect(seen["bad"]?["isError"] == true)
        let text = seen["bad"]?["text"]?.string ?? ""
        #expect(text.contains("/issues_found") && text.contains("/recommendations"), "\(text)")
        #expect(text.contains("call submit_result again"))
        #expect(seen["good"] == ["isError": false, "text": "The result was accepted."])
        #expect(seen["unknown"]?["raised"]?.string?.contains("Unknown tool") == true, "\(seen)")
        #expect(server.attempts.map(\.isValid) == [false, true])
        #expect(server.accepted?["issues_found"] == 2)
    }

    @Test(arguments: kinds)
    func `talks over HTTP`(kind: String, revision: JSONValue?) async throws {
        let server = ResultServer(try findingsTool())
        try await withServer(server) { address, _ in
            check(try await talk(kind, to: "http://\(address)/mcp"), revision, server)
        }
    }

    @Test(arguments: kinds)
    func `talks over standard input and output`(kind: String, revision: JSONValue?) async throws {
        let server = ResultServer(try findingsTool())
        let listener = try Listener(.loopback(0))
        guard case .tcp(_, let port) = listener.address else { return }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while true {
                    let connection = try await listener.accept()
                    try await server.serve(connection, connection)
                    connection.close()
                }
            }
            defer {
                group.cancelAll()
                listener.close()
            }
            check(try await talk(kind, to: String(port)), revision, server)
        }
    }
}
