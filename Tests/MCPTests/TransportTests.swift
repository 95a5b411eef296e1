import Glibc
import HTTP
import Linux
import Schemas
import Testing
import Wire

@testable import MCP

@Suite struct `a result server over HTTP` {
    private func with(
        _ body: @escaping @Sendable (_ post: Post) async throws -> Void
    ) async throws {
        try await withServer(ResultServer(try findingsTool())) { address, client in
            try await body(Post(client: client, host: "\(address)"))
        }
    }

    private struct Post: Sendable {
        let client: HTTPClient
        let host: String

        func callAsFunction(
            _ text: String,
            method: String = "POST",
            _ headers: Headers = [:]
        ) async throws -> (status: Int, body: JSONValue?, headers: Headers) {
            var head = RequestHead(method: method, target: "/mcp", headers: ["Host": host])
            head.headers["Content-Type"] = "application/json"
            head.headers["Accept"] = "application/json, text/event-stream"
            for field in headers.fields { head.headers[field.name] = field.value }
            let answer = try await client.send(head, body: text.isEmpty ? .none : .bytes(Array(text.utf8)))
            return (answer.head.status, try? JSONValue(parsing: answer.body), answer.head.headers)
        }

        func callAsFunction(_ message: JSONValue, _ headers: Headers = [:]) async throws -> (Int, JSONValue?) {
            let answer = try await self(message.text(), headers)
            return (answer.status, answer.body)
        }
    }

    @Test func `answers requests with JSON and notifications with 202`() async throws {
        try await with { (post: Post) async throws in
            let answer = try await post(call(findings).text())
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == "application/json")
            #expect(answer.body?.toolText == "The result was accepted.")
            let (status, body) = try await post(["jsonrpc": "2.0", "method": "notifications/initialized"])
            #expect(status == 202)
            #expect(body == nil)
        }
    }

    @Test func `has no stream to get and no session to delete`() async throws {
        try await with { (post: Post) async throws in
            let get = try await post("", method: "GET")
            #expect(get.status == 405)
            #expect(get.headers["Allow"] == "POST, DELETE")
            #expect(try await post("", method: "DELETE").status == 200)
            #expect(try await post("", method: "PUT").status == 405)
        }
    }

    @Test func `tells text that is no JSON`() async throws {
        try await with { (post: Post) async throws in
            for text in ["{", "", "{} {}", "\u{FEFF}nonsense"] {
                let answer = try await post(text)
                #expect(answer.status == 400)
                #expect(answer.body?.errorCode == -32700)
                #expect(answer.body?["id"] == .some(.null))
            }
            #expect(try await post(request("ping")).0 == 200)
        }
    }

    @Test func `gives errors the status that their revision asks for`() async throws {
        try await with { (post: Post) async throws in
            #expect(try await post(request("prompts/list")).0 == 200)
            #expect(try await post(request("prompts/list", stateless())).0 == 404)
            #expect(try await post(request("tools/call", stateless(["name": "x"]))).0 == 400)
            #expect(try await post(request("tools/list", stateless(version: "2030-01-01"))).0 == 400)
        }
    }

    @Test func `refuses heads that contradict the body`() async throws {
        try await with { (post: Post) async throws in
            let message = request("tools/call", stateless(["name": "submit_result", "arguments": findings]))
            let right: Headers = [
                "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "submit_result",
            ]
            #expect(try await post(message, right).0 == 200)
            for (name, value) in [("mcp-method", "tools/list"), ("mcp-name", "other")] {
                var wrong = right
                wrong[name] = value
                let (status, body) = try await post(message, wrong)
                #expect(status == 400)
                #expect(body?.errorCode == -32020)
            }
            let (status, body) = try await post(request("ping"), ["MCP-Protocol-Version": "2030-01-01"])
            #expect(status == 400)
            #expect(body?.errorCode == -32022)
            #expect(try await post(request("ping"), ["MCP-Protocol-Version": "2025-06-18"]).0 == 200)
        }
    }

    @Test func `serves no page of another site`() async throws {
        try await with { (post: Post) async throws in
            #expect(try await post(request("ping"), ["Origin": "http://evil.example"]).0 == 403)
            #expect(try await post(request("ping"), ["Origin": "http://\(post.host)"]).0 == 200)
        }
    }
}

@Suite struct `a result server over lines` {
    /// Sends `pieces` as they are and gives the lines that come back until the server has ended.
    private func lines(for pieces: [String], _ server: ResultServer) async throws -> [JSONValue] {
        let input = try Descriptor.pipe()
        let output = try Descriptor.pipe()
        let (feed, answers) = (try Channel(input.writing), try Channel(output.reading))
        let (reading, writing) = (try Channel(input.reading), try Channel(output.writing))
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { writing.close() }
                try await server.serve(reading, writing)
            }
            group.addTask {
                for piece in pieces { try await feed.write(Array(piece.utf8)) }
                try await feed.closeWriting()
            }
            var bytes: [UInt8] = []
            while true {
                let more = try await answers.read()
                if more.isEmpty { break }
                bytes += more
            }
            while try await group.next() != nil {}
            #expect(bytes.isEmpty || bytes.last == 0x0A)
            return try bytes.split(separator: 0x0A).map { try JSONValue(parsing: $0) }
        }
    }

    private var talk: [String] {
        [
            request("initialize", ["protocolVersion": "2025-11-25"], id: 1).text() + "\n",
            #"{"jsonrpc":"2.0","method":"notifications/initialized"}"# + "\r\n\n", "nonsense\n",
            call(findings, id: 2).text() + "\n", request("none", id: 3).text(),
        ]
    }

    @Test func `answers each line with a line`() async throws {
        let server = ResultServer(try findingsTool())
        let replies = try await lines(for: talk, server)
        #expect(replies.map { $0["id"] } == [1, .null, 2, 3])
        #expect(replies.map(\.errorCode) == [nil, -32700, nil, -32601])
        #expect(server.accepted == findings)
    }

    @Test func `does not care where the pieces end`() async throws {
        let whole = try await lines(for: [talk.joined()], ResultServer(try findingsTool()))
        let single = try await lines(for: talk.joined().map(String.init), ResultServer(try findingsTool()))
        #expect(whole.count == 4)
        #expect(whole == single)
    }

    @Test func `gives up on a line without end`() async throws {
        let server = ResultServer(try findingsTool())
        let long = String(repeating: "x", count: 1024 * 1024)
        let error = await #expect(throws: MCPError.self) {
            try await lines(for: Array(repeating: long, count: 17), server)
        }
        #expect(error?.code == .messageTooLarge)
    }
}
