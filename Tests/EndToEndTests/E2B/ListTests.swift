import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a list of sandboxes over E2B's API` {
        private func ids(_ answer: ControlPlane.Answer) -> [String] {
            answer.json.array?.compactMap { $0["sandboxID"]?.string } ?? []
        }

        @Test func `is filtered, ordered and paged`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox(#""metadata":{"a b":"c&d","plain":"1"}"#) { first in
                let second = try await plane.create(#""metadata":{"plain":"1"}"#)
                let third = try await plane.create()
                func list(_ query: String, _ expected: [String]) async throws {
                    let answer = try await plane.ask("GET", "/v2/sandboxes?\(query)")
                    #expect(answer.status == 200 && ids(answer) == expected, "\(query): \(answer.text)")
                }
                try await list("", [third, second, first])
                try await list("order=asc", [first, second, third])
                try await list("order=desc&state=running", [third, second, first])
                try await list("state=running%2Cpaused", [third, second, first])
                try await list("state=running&state=paused", [third, second, first])
                try await list("state=paused", [])
                try await list("template=claude", [third, second, first])
                try await list("template=local%2Fclaude", [third, second, first])
                try await list("template=nothing", [])
                try await list("template=NO", [])
                // As the Python client encodes {"a b": "c&d"}.
                try await list("metadata=a%252520b%3Dc%252526d", [first])
                try await list("metadata=plain%3D1", [second, first])
                try await list("metadata=plain=1", [second, first])
                try await list("metadata=plain%3D1%26a%252520b%3Dc%252526d", [first])
                try await list("metadata=plain%3D2", [])
                let started = try #require(try await plane.info(second)["startedAt"]?.string)
                try await list("startedAfter=\(PercentEncoding.encode(started))", [third, second])
                try await list("startedAfter=2000-01-01T00:00:00%2B01:00", [third, second, first])
                try await list("startedAfter=2100-01-01T00:00:00Z", [])

                for (order, expected) in [("asc", [first, second, third]), ("desc", [third, second, first])] {
                    let one = try await plane.ask("GET", "/v2/sandboxes?limit=2&order=\(order)")
                    #expect(ids(one) == Array(expected.prefix(2)))
                    #expect(one.headers["X-Total-Running"] == "3")
                    let token = try #require(one.headers["X-Next-Token"])
                    let two = try await plane.ask("GET", "/v2/sandboxes?limit=2&order=\(order)&nextToken=\(token)")
                    #expect(ids(two) == [expected[2]])
                    #expect(two.headers["X-Next-Token"] == nil)
                    let opposite = order == "asc" ? "desc" : "asc"
                    #expect(
                        try await plane.ask("GET", "/v2/sandboxes?order=\(opposite)&nextToken=\(token)").status == 400
                    )
                }
                let exact = try await plane.ask("GET", "/v2/sandboxes?limit=3")
                #expect(exact.headers["X-Next-Token"] == nil)

                // The first version: those that run.
                #expect(ids(try await plane.ask("GET", "/sandboxes")) == [third, second, first])
                #expect(ids(try await plane.ask("GET", "/sandboxes?metadata=plain%3D1")) == [second, first])
                for id in [second, third] { #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204) }
                try await list("", [first])
            }
            #expect(try await plane.ask("GET", "/v2/sandboxes").text == "[]")
        }

        @Test func `has members that clients insist on, and no null`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox { id in
                for path in ["/sandboxes", "/v2/sandboxes"] {
                    let listed = try #require(try await plane.ask("GET", path).json[0])
                    #expect(listed["sandboxID"]?.string == id)
                    for member in ["templateID", "clientID", "startedAt", "endAt", "envdVersion", "alias"] {
                        #expect(listed[member]?.string?.isEmpty == false, "\(member)")
                    }
                    for member in ["cpuCount", "memoryMB", "diskSizeMB"] { #expect(listed[member]?.integer ?? 0 > 0) }
                    #expect(listed["state"] == "running")
                    #expect(listed["envdAccessToken"] == nil)
                    #expect(!listed.text().contains("null"))
                }
            }
        }

        @Test(arguments: [
            ("state=stopped", "'state' must be"), ("order=up", "'order' must be one of"),
            ("startedAfter=yesterday", "'startedAfter' must be a time"),
            ("startedAfter=2026-01-01T00:00:00", "'startedAfter' must be a time"),
            ("template=claude:v1", "without a tag"), ("limit=0", "'limit' must be an integer from 1 to 100"),
            ("limit=101", "'limit' must be"), ("limit=x", "'limit' must be"), ("nextToken=x", "'nextToken' is not one"),
            ("nextToken=%FF", "'nextToken' is not one"), ("metadata=a%25", "'metadata' has a broken escape"),
        ])
        func `is refused with 400 when the question makes no sense`(_ query: String, _ message: String) async throws {
            let refused = try await shared().controlPlane().ask("GET", "/v2/sandboxes?\(query)")
            #expect(refused.status == 400, "\(refused.text)")
            #expect(refused.json["code"]?.integer == 400)
            #expect(refused.message.contains(message), "\(refused.message)")
        }
    }
}
