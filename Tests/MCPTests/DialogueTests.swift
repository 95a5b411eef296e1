import Testing
import Wire

@testable import MCP

@Suite struct `a result server's answers` {
    private func reply(_ message: JSONValue) throws -> JSONValue? {
        ResultDialogue(tool: try findingsTool(), version: "7").answer(message).reply
    }

    @Test(arguments: [
        ("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2024-11-05"), ("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25"),
    ])
    func `shake hands in the revisions that do`(asked: String, answered: String) throws {
        let reply = try reply(request("initialize", ["protocolVersion": .string(asked), "capabilities": [:]]))
        #expect(reply?["result"]?["protocolVersion"] == .string(answered))
        #expect(reply?["result"]?["capabilities"] == ["tools": [:]])
        #expect(reply?["result"]?["serverInfo"] == ["name": "martlet", "version": "7"])
    }

    @Test func `tell what is spoken without a handshake`() throws {
        let reply = try reply(request("server/discover", stateless(), id: "server-discover-probe-1"))
        #expect(reply?["id"] == "server-discover-probe-1")
        #expect(reply?["result"]?["supportedVersions"] == ["2026-07-28"])
        #expect(reply?["result"]?["resultType"] == "complete")
        #expect(reply?["result"]?["capabilities"] == ["tools": [:]])
        #expect(reply?["result"]?["ttlMs"] == 0)
        #expect(reply?["result"]?["cacheScope"] == "private")
        let info = reply?["result"]?["_meta"]?["io.modelcontextprotocol/serverInfo"]
        #expect(info == ["name": "martlet", "version": "7"])
    }

    @Test func `list the one tool`() throws {
        let tool = try findingsTool()
        let listed: JSONValue = [
            "name": "submit_result", "description": .string(tool.description), "inputSchema": tool.inputSchema,
        ]
        #expect(try reply(request("tools/list"))?["result"] == ["tools": [listed]])
        #expect(try reply(request("tools/list", ["cursor": nil]))?["result"] == ["tools": [listed]])
        #expect(try reply(request("tools/list", ["cursor": "x"]))?.errorCode == -32602)
        let modern = try reply(request("tools/list", stateless()))
        #expect(modern?["result"]?["tools"] == [listed])
        #expect(modern?["result"]?["resultType"] == "complete")
    }

    @Test func `accept a call`() throws {
        let reply = try reply(call(findings))
        #expect(reply?["result"]?["isError"] == false)
        #expect(reply?.toolText == "The result was accepted.")
        #expect(reply?["result"]?["resultType"] == nil)
        let params = stateless(["name": "submit_result", "arguments": findings])
        #expect(try self.reply(request("tools/call", params))?["result"]?["resultType"] == "complete")
    }

    @Test(arguments: [[:], nil, ["summary": 1], "text", []] as [JSONValue])
    func `refuse a call so that the agent can mend it`(arguments: JSONValue) throws {
        let reply = try reply(call(arguments))
        #expect(reply?["error"] == nil)
        #expect(reply?["result"]?["isError"] == true)
        let text = try #require(reply?.toolText)
        #expect(text.contains("not accepted"))
        #expect(text.contains("call submit_result again"))
    }

    @Test(
        arguments: [
            (request("tools/call", ["name": "other", "arguments": [:]]), -32602, 1),
            (request("tools/call", ["arguments": [:]]), -32602, 1),
            (request("prompts/list"), -32601, 1),
            (request("no/such/method", id: "x"), -32601, "x"),
            (request("tools/list", stateless(version: "2027-01-01")), -32022, 1),
            (request("initialize", [:]), -32602, 1),
            (request("ping", [1]), -32602, 1),
            (["id": 3, "method": "ping"], -32600, 3),
            (["jsonrpc": "1.0", "id": 3, "method": "ping"], -32600, 3),
            (["jsonrpc": "2.0", "id": 3], -32600, 3),
            (["jsonrpc": "2.0", "id": 3, "method": 5], -32600, 3),
            (["jsonrpc": "2.0", "id": nil, "method": "ping"], -32600, nil),
            (["jsonrpc": "2.0", "id": 1.5, "method": "ping"], -32600, nil),
            (["jsonrpc": "2.0", "id": [1], "method": "ping"], -32600, nil),
            ("ping", -32600, nil),
            (5, -32600, nil),
        ] as [(JSONValue, Int64, JSONValue)]
    )
    func `are errors where the message is wrong`(message: JSONValue, code: Int64, id: JSONValue) throws {
        let reply = try #require(try reply(message))
        #expect(reply.errorCode == code)
        #expect(reply["id"] == id)
        #expect(reply["error"]?["message"]?.string?.isEmpty == false)
        #expect(reply["result"] == nil)
    }

    @Test func `name the revisions when one is not spoken`() throws {
        let reply = try reply(request("tools/list", stateless(version: "2027-01-01")))
        #expect(reply?["error"]?["data"] == ["supported": ["2026-07-28"], "requested": "2027-01-01"])
    }

    @Test(
        arguments: [
            ["jsonrpc": "2.0", "method": "notifications/initialized"],
            ["jsonrpc": "2.0", "method": "notifications/no-such", "params": [:]],
            ["jsonrpc": "2.0", "id": 1, "result": [:]],
            ["jsonrpc": "2.0", "id": 1, "error": ["code": 1, "message": "m"]],
        ] as [JSONValue]
    )
    func `are silence to notifications and answers`(message: JSONValue) throws {
        #expect(try reply(message) == nil)
    }

    @Test func `are empty to a ping`() throws {
        #expect(try reply(request("ping", id: "p")) == ["jsonrpc": "2.0", "id": "p", "result": [:]])
    }
}

@Suite struct `a result server's record` {
    @Test func `keeps every call and gives the last accepted result`() async throws {
        let (calls, continuation) = AsyncStream.makeStream(of: Bool.self)
        let server = ResultServer(try findingsTool()) { continuation.yield($0.isValid) }
        #expect(server.accepted == nil)
        _ = await server.reply(to: call([:]))
        _ = await server.reply(to: request("tools/list"))
        var second = findings.object ?? [:]
        second["issues_found"] = 4
        let params: JSONValue = [
            "name": "submit_result", "arguments": findings, "_meta": ["claudecode/toolUseId": "toolu_1"],
        ]
        _ = await server.reply(to: request("tools/call", params))
        _ = await server.reply(to: call(.object(second)))
        _ = await server.reply(to: call(["summary": "x"]))
        _ = await server.reply(to: call(findings, name: "other"))
        #expect(server.attempts.map(\.isValid) == [false, true, true, false])
        #expect(server.attempts.map(\.faults.count) == [3, 0, 0, 2])
        #expect(server.attempts[1].toolUseID == "toolu_1")
        #expect(server.attempts[1].arguments == findings)
        #expect(server.accepted == .object(second))
        continuation.finish()
        #expect(await calls.reduce(into: []) { $0.append($1) } == [false, true, true, false])
    }

    @Test func `answers batches`() async throws {
        let server = ResultServer(try findingsTool())
        let notification: JSONValue = ["jsonrpc": "2.0", "method": "notifications/initialized"]
        let replies = await server.reply(to: [request("ping", id: 1), notification, call(findings, id: 2), 5])
        #expect(replies?.array?.map { $0["id"] } == [1, 2, .null])
        #expect(server.attempts.count == 1)
        #expect(await server.reply(to: [notification]) == nil)
        #expect(await server.reply(to: [])?.errorCode == -32600)
    }

    @Test func `has an end`() async throws {
        let server = ResultServer(try findingsTool())
        for _ in 0..<ResultServer.attemptLimit { _ = await server.reply(to: call([:])) }
        let reply = await server.reply(to: call(findings))
        #expect(reply?["result"]?["isError"] == true)
        #expect(reply?.toolText?.contains("not looked at") == true)
        #expect(server.attempts.count == ResultServer.attemptLimit)
        #expect(server.accepted == nil)
    }
}
