import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

@testable import Gateway
@testable import MCPGateway

/// The gateway with the MCP servers of one run, and a guest's connection to it.
private struct Agent: Sendable {
    static let secret = "key-\(Random.hex(16))"
    static let programs = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../python").path

    let client: HTTPClient

    /// A program of the tests, as a member of a configuration.
    static func program(_ name: String, _ more: [String: JSONValue] = [:]) -> JSONValue {
        let own: [String: JSONValue] = [
            "command": "python3", "args": [.string("\(programs)/mcp_server.py"), .string(name)],
        ]
        return .object(own.merging(more) { _, more in more })
    }

    static func with(
        _ servers: JSONValue,
        secret: @escaping @Sendable (String) async throws -> Secret = { _ in Secret(Self.secret) },
        _ body: @escaping @Sendable (Agent) async throws -> Void
    ) async throws {
        let upstream = UpstreamServers(try UpstreamPlans(servers, reserved: ["martlet"]), version: "0", secret: secret)
        let gateway = GuestGateway(
            upstream: try ModelUpstream(baseURL: "http://127.0.0.1:9", credential: .apiKey(Secret("k")))
        )
        let opening = gateway.open("i", budgetUSD: nil, results: nil, servers: upstream)
        defer { gateway.close(opening) }
        try await withDeadline(.seconds(120)) { try await upstream.start() }
        let listener = try Listener(.loopback(0))
        let address = listener.address
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                await withDiscardingTaskGroup { connections in
                    while let guest = try? await listener.accept() {
                        let opening = TunnelOpening(port: GuestProtocol.gatewayPort)
                        connections.addTask { await gateway.carry(sandboxID: "i", key: nil, opening, guest) }
                    }
                    connections.cancelAll()
                }
            }
            defer { listener.close() }
            let client = HTTPClient { try await Channel.connect(to: address) }
            try await withDeadline(.seconds(120)) { try await body(Agent(client: client)) }
            client.closeIdle()
        }
    }

    private func send(
        _ server: String,
        _ message: JSONValue,
        session: String?
    ) async throws -> (head: ResponseHead, body: [UInt8]) {
        var head = RequestHead(method: "POST", target: "/mcp/\(server)", headers: ["Host": "127.0.0.1:49984"])
        head.headers["Mcp-Session-Id"] = session
        head.headers["Accept"] = "application/json, text/event-stream"
        return try await client.send(head, body: .bytes(message.encoded()))
    }

    /// The session that begins with a server's greeting; nil with the status where there is none.
    func greet(_ server: String) async throws -> (session: String?, status: Int) {
        let hello: JSONValue = [
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": [
                "protocolVersion": "2025-06-18", "capabilities": [:], "clientInfo": ["name": "t", "version": "0"],
            ],
        ]
        let answer = try await send(server, hello, session: nil)
        return (answer.head.headers["Mcp-Session-Id"], answer.head.status)
    }

    func ask(_ server: String, _ method: String, _ params: JSONValue = [:]) async throws -> JSONValue {
        let session = try #require(try await greet(server).session)
        let message: JSONValue = ["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": params]
        return try JSONValue(parsing: try await send(server, message, session: session).body)
    }

    /// What a tool says as text, or what is said in its place.
    func call(_ server: String, _ tool: String, _ arguments: JSONValue = [:]) async throws -> String {
        let answer = try await ask(server, "tools/call", ["name": .string(tool), "arguments": arguments])
        return answer["result"]?["content"]?[0]?["text"]?.string ?? answer["error"]?["message"]?.string ?? answer.text()
    }

    func tools(_ server: String) async throws -> [String] {
        try await ask(server, "tools/list")["result"]?["tools"]?.array?.compactMap { $0["name"]?.string } ?? []
    }
}

@Suite struct `MCP servers outside` {
    @Test func `are each at a path of their own, under their own names, with what is allowed`() async throws {
        let servers: JSONValue = [
            "one": Agent.program("one"), "two": Agent.program("two", ["tools": ["echo"]]),
        ]
        try await Agent.with(servers) { agent in
            let all = try await agent.tools("one")
            #expect(all.contains("echo") && all.contains("crash"))
            #expect(try await agent.tools("two") == ["echo"])
            #expect(try await agent.call("two", "echo", ["text": "a"]) == "two: a")
            let refused = try await agent.call("two", "variables")
            #expect(refused.contains("The tool 'variables' of 'two' is not allowed here"), "\(refused)")
            for none in ["three", "", "one/two", "../mcp"] {
                #expect(try await agent.greet(none).status == 404, "\(none)")
            }
        }
    }

    @Test func `have their secrets, and the agent does not`() async throws {
        try await Agent.with(["one": Agent.program("one", ["env": ["TOKEN": "a ${secret:token} b"]])]) { agent in
            let variables = try JSONValue(parsing: Array(try await agent.call("one", "variables").utf8))
            #expect(variables["TOKEN"] == .string("a \(Agent.secret) b"))
            #expect(variables["PATH"] != nil && variables["ANTHROPIC_API_KEY"] == nil)
        }
    }

    @Test func `are sent their fields and their address over HTTP, and what the agent writes into them is not`()
        async throws
    {
        let heads = Seen<RequestHead>()
        try await withServer({ exchange in
            heads.add(exchange.request)
            let message = try JSONValue(parsing: try await exchange.body.collect(limit: 1 << 20))
            guard let id = message["id"] else { return try await exchange.respond(202) }
            let result: JSONValue =
                switch message["method"]?.string {
                case "initialize": ["protocolVersion": "2025-06-18", "capabilities": ["tools": [:]]]
                case "tools/list": ["tools": [["name": "look", "inputSchema": ["type": "object"]]]]
                default: ["content": [["type": "text", "text": "looked"]]]
                }
            let reply: JSONValue = ["jsonrpc": "2.0", "id": id, "result": result]
            try await exchange.respond(200, ["Content-Type": "application/json"], body: reply.encoded())
        }) { address in
            let server: JSONValue = [
                "url": .string("http://\(address)/a/mcp?key=${secret:k}"),
                "headers": ["Authorization": "Bearer ${secret:k}"],
            ]
            try await Agent.with(["far": server]) { agent in
                let said = try await agent.call("far", "look")
                #expect(said == "looked")
            }
        }
        #expect(heads.all.contains { $0.method == "POST" })
        for head in heads.all {
            #expect(head.target == "/a/mcp?key=\(Agent.secret)")
            #expect(head.headers.values("Authorization") == ["Bearer \(Agent.secret)"])
        }
    }

    @Test(arguments: ["crash", "shout", "flood"])
    func `that fail are started again, and say nothing of why to the agent`(tool: String) async throws {
        try await Agent.with(["bad": Agent.program("bad"), "good": Agent.program("good")]) { agent in
            let said = try await agent.call("bad", tool)
            #expect(said.contains("The server 'bad' is not there") && !said.contains("I fall"), "\(said)")
            #expect(try await agent.call("good", "echo", ["text": "a"]) == "good: a")
            _ = try await retrying(every: .milliseconds(50), for: .seconds(60)) {
                try await agent.call("bad", "echo", ["text": "again"]) == "bad: again" ? () : nil
            }
        }
    }

    @Test func `that hang are not waited for longer than they may take`() async throws {
        try await Agent.with(["slow": Agent.program("slow", ["timeout": 1])]) { agent in
            let late = try await agent.call("slow", "hang")
            #expect(late.contains("did not answer 'tools/call' within 1 seconds"), "\(late)")
        }
    }

    @Test func `that do not start end the run before it begins, with the reason`() async throws {
        for (server, words) in [
            (["command": "/nowhere/to/be/found"] as JSONValue, "is not installed"),
            (["url": "http://127.0.0.1:9/mcp"], "can not be reached"),
            (Agent.program("one", ["env": ["TOKEN": "${secret:gone}"]]), "there is no secret 'gone'"),
        ] {
            await #expect {
                try await Agent.with(["one": server], secret: { _ in throw HTTPError(404, "") }) { _ in }
            } throws: { error in
                "\(error)".contains("The MCP server 'one' did not start") && "\(error)".contains(words)
            }
        }
    }

    @Test(arguments: [
        (#"{"martlet": {"url": "https://a.example"}}"#, "no name"),
        (#"{"a/b": {"url": "https://a.example"}}"#, "no name"), (#"{"": {"url": "https://a.example"}}"#, "no name"),
        (#"{"a": {}}"#, "either a 'url' or a 'command'"), (#"{"a": 1}"#, "either a 'url' or a 'command'"),
        (#"{"a": {"url": "https://a.example", "command": "b"}}"#, "either"), (#"[]"#, "no object"),
        (#"{"a": {"url": "ftp://a.example"}}"#, "no address"), (#"{"a": {"url": "https://a b"}}"#, "no address"),
        (#"{"a": {"url": "https://u:p@a.example/"}}"#, "no address"),
        (#"{"a": {"url": "https://${secret:x}/"}}"#, "no address"),
        (#"{"a": {"url": "https://a.example", "type": "sse"}}"#, "'type'"),
        (#"{"a": {"url": "https://a.example", "shell": true}}"#, "'shell', which means nothing"),
        (#"{"a": {"url": "http://a.example/mcp", "headers": {"K": "${secret:x}"}}}"#, "needs https://"),
        (#"{"a": {"url": "http://a.example/mcp?k=${secret:x}"}}"#, "needs https://"),
        (#"{"a": {"url": "https://a.example", "headers": {"K": "a\r\nB: c"}}}"#, "can not be sent"),
        (#"{"a": {"url": "https://a.example", "headers": {"K\r\n": "a"}}}"#, "can not be sent"),
        (#"{"a": {"url": "https://a.example", "headers": {"K": "${secret:}"}}}"#, "can not be sent"),
        (#"{"a": {"command": "b", "args": ["--key=${secret:x}"]}}"#, "in its arguments"),
    ])
    func `that can not be are refused with what is wrong`(text: String, words: String) throws {
        let document = try JSONValue(parsing: Array(text.utf8))
        let result = Result { () throws(UpstreamPlans.Invalid) in try UpstreamPlans(document, reserved: ["martlet"]) }
        guard case .failure(let error) = result else { throw HTTPError(500, "It is taken: \(text)") }
        #expect(error.description.contains(words), "\(error)")
    }

    @Test func `are read as Claude Code has them`() throws {
        let text = """
            {"mcpServers": {"a": {"type": "http", "url": "https://a.example/mcp", "headers": {"K": "${secret:x}"}},
             "b": {"type": "stdio", "command": "npx", "args": ["-y", "b"], "env": {"T": "${secret:y}"}, "tools": ["t"]}}}
            """
        let plans = try UpstreamPlans(try JSONValue(parsing: Array(text.utf8)), reserved: [])
        #expect(plans.names == ["a", "b"] && plans.secrets == ["x", "y"] && plans.hasPrograms)
        #expect(plans.plans[1].tools == ["t"])
    }
}
