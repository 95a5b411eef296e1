import HTTP
import Linux
import MCP
import Schemas
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: ClaudeCode.isThere, ClaudeCode.absence), .serialized)
struct `Claude Code with the result tool` {
    private static let schema: JSONValue = [
        "type": "object",
        "properties": [
            "summary": ["type": "string"], "issues_found": ["type": "integer"],
            "recommendations": ["type": "array", "items": ["type": "string"], "minItems": 1],
        ],
        "required": ["summary", "issues_found", "recommendations"], "additionalProperties": false,
    ]

    /// Looks with Bash, reads what was found, hands in a result with a slip, and then without.
    private static let script: JSONValue = [
        "steps": [
            [
                "tools": [["name": "Bash", "input": ["command": "find . -name '*.py' | sort | head"]]],
                "capture": ["files": ["lines": true]],
            ],
            [
                "tools": [
                    ["name": "Read", "input": ["file_path": "${files[0]}"]],
                    ["name": "Bash", "input": ["command": "grep -rh TODO ."]],
                ],
                "capture": [
                    "name": ["pattern": #"def (\w+)"#],
                    "todos": ["tool": 1, "pattern": "TODO (.*)", "all": true],
                    "count": ["tool": 1, "pattern": "TODO", "count": true],
                ],
            ],
            [
                "tools": [
                    [
                        "name": "${resultTool}",
                        "input": ["summary": "${name}", "issues_found": "${count} ", "recommendations": "${todos}"],
                    ]
                ], "capture": ["fault": ["pattern": "- (/issues_found.*)"]],
            ],
            [
                "text": "It said: ${fault}",
                "tools": [
                    [
                        "name": "${resultTool}",
                        "input": [
                            "summary": "${name} in ${files[0]}", "issues_found": "${count}",
                            "recommendations": "${todos}",
                        ],
                    ]
                ],
            ],
            ["text": "Done."],
        ]
    ]

    /// - Parameter wrap: what stands between Claude Code and the server.
    private func run(
        _ server: ResultServer,
        wrap: @escaping @Sendable (Exchange) async throws -> Bool = { _ in false },
        check: @escaping @Sendable (ClaudeCode, ClaudeCode.Outcome) throws -> Void
    ) async throws {
        let listener = try Listener(.loopback(0))
        let url = "http://\(listener.address)/mcp"
        try await ClaudeCode.with(Self.script) { claude in
            try claude.write("def answer():\n    pass  # TODO think\n# TODO \"quote\"\n", to: "a.py")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let http = HTTPServer { if try await !wrap($0) { try await server.handle($0) } }
                    try? await http.run(on: listener)
                }
                defer {
                    group.cancelAll()
                    listener.close()
                }
                let servers: JSONValue = ["mcpServers": ["martlet": ["type": "http", "url": .string(url)]]]
                let outcome = try await claude.run("Review", ["--strict-mcp-config", "--mcp-config", servers.text()])
                try check(claude, outcome)
            }
        }
    }

    private static func server() throws -> ResultServer {
        ResultServer(try ResultTool(schema: try JSONSchema(schema)))
    }

    @Test func `mends what was wrong and hands over what its tools found`() async throws {
        let server = try Self.server()
        let revisions = Seen()
        let note: @Sendable (Exchange) async throws -> Bool = { exchange in
            revisions.add(exchange.request.headers["MCP-Protocol-Version"])
            return false
        }
        try await run(server, wrap: note) { claude, outcome in
            #expect(Set(revisions.all) == ["2026-07-28"])
            #expect(outcome.status == .exited(0), "\(outcome.errorText)")
            #expect(outcome.result["result"] == "Done.", "\(claude.acts)")
            #expect(outcome.messages.first { $0["subtype"] == "init" }?["mcp_servers"]?[0]?["status"] == "connected")
            #expect(server.attempts.map(\.isValid) == [false, true])
            #expect(server.attempts.map(\.toolUseID) == ["toolu_c0_2_0", "toolu_c0_3_0"])
            #expect(
                server.accepted == [
                    "summary": "answer in ./a.py", "issues_found": 2, "recommendations": ["think", "\"quote\""],
                ]
            )
            #expect(outcome.toolResults.map { $0["is_error"]?.bool ?? false } == [false, false, false, true, false])
        }
    }

    @Test func `falls back to a handshake with a server that knows no other way`() async throws {
        let server = try Self.server()
        let revisions = Seen()
        let isOld: @Sendable (Exchange) async throws -> Bool = { exchange in
            revisions.add(exchange.request.headers["MCP-Protocol-Version"])
            guard exchange.request.headers["Mcp-Method"] == "server/discover" else { return false }
            let body = try JSONValue(parsing: try await exchange.body.collect(limit: 65_536))
            let reply: JSONValue = [
                "jsonrpc": "2.0", "id": body["id"] ?? nil, "error": ["code": -32601, "message": "Method not found"],
            ]
            try await exchange.respond(200, ["Content-Type": "application/json"], body: reply.encoded())
            return true
        }
        try await run(server, wrap: isOld) { _, outcome in
            #expect(outcome.result["result"] == "Done.")
            #expect(server.attempts.map(\.isValid) == [false, true])
            #expect(revisions.all.last == "2025-11-25")
        }
    }
}

private final class Seen: Sendable {
    private let list = Mutex<[String?]>([])
    var all: [String?] { list.withLock { $0 } }
    func add(_ text: String?) { list.withLock { $0.append(text) } }
}
