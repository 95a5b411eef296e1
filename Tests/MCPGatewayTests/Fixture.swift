import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

@testable import MCPGateway

/// A gateway with servers of the tests, and a client of it.
struct Gate: Sendable {
    static let token = "the-token"

    let client: HTTPClient
    let url: String
    let session: String

    /// Where the tests' programs in Python are.
    static let programs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../python").path

    /// The configuration of a server of the tests.
    static func server(_ name: String, _ more: [String: JSONValue] = [:], mark: String? = nil) -> JSONValue {
        let arguments = ["\(programs)/mcp_server.py", name] + (mark.map { [$0] } ?? [])
        let plan: [String: JSONValue] = ["command": "python3", "args": .array(arguments.map { .string($0) })]
        return .object(plan.merging(more) { _, more in more })
    }

    static func with(
        _ servers: JSONValue,
        catalogue: Catalogue? = nil,
        _ body: @escaping @Sendable (Gate) async throws -> Void
    ) async throws {
        let listener = try Listener(.loopback(0))
        let address = listener.address
        let gateway = try MCPGateway(
            configuration: servers.text(),
            catalogue: try catalogue ?? Catalogue.standard(file: "/nowhere"),
            token: Secret(token),
            version: "0"
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            let ready = Latch<Void>()
            group.addTask { try await gateway.run(on: listener) { ready.set(()) } }
            group.addTask {
                try await withDeadline(.seconds(120)) {
                    try await ready.value()
                    let client = HTTPClient { try await Channel.connect(to: address) }
                    let hello = try await send(client, greeting, session: nil)
                    let session = try #require(hello.head.headers["Mcp-Session-Id"])
                    try await body(Gate(client: client, url: "http://\(address)/mcp", session: session))
                }
            }
            defer {
                group.cancelAll()
                listener.close()
            }
            try await group.next()
        }
    }

    static let greeting: JSONValue = [
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": [
            "protocolVersion": "2025-06-18", "capabilities": [:], "clientInfo": ["name": "test", "version": "0"],
        ],
    ]

    static func head(_ method: String, session: String?) -> RequestHead {
        var head = RequestHead(method: method, target: "/mcp", headers: ["Host": "gate"])
        head.headers["Authorization"] = "Bearer \(token)"
        head.headers["Accept"] = "application/json, text/event-stream"
        head.headers["Mcp-Session-Id"] = session
        return head
    }

    static func send(
        _ client: HTTPClient,
        _ message: JSONValue,
        session: String?
    ) async throws -> (head: ResponseHead, body: [UInt8]) {
        try await client.send(head("POST", session: session), body: .bytes(message.encoded()))
    }

    /// The answer to a request: its result, or its error.
    func ask(_ method: String, _ params: JSONValue = [:], id: JSONValue = 1) async throws -> JSONValue {
        let message: JSONValue = ["jsonrpc": "2.0", "id": id, "method": .string(method), "params": params]
        let answer = try await Self.send(client, message, session: session)
        return try JSONValue(parsing: answer.body)
    }

    /// What a tool says as text, or what is said in its place.
    func call(_ tool: String, _ arguments: JSONValue = [:], id: JSONValue = 1) async throws -> String {
        let answer = try await ask("tools/call", ["name": .string(tool), "arguments": arguments], id: id)
        return answer["result"]?["content"]?[0]?["text"]?.string ?? answer["error"]?["message"]?.string ?? answer.text()
    }

    func names(_ method: String, _ member: String) async throws -> [String] {
        try await ask(method)["result"]?[member]?.array?.compactMap { $0["name"]?.string } ?? []
    }
}
