import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `what E2B's API tells` {
        @Test func `of a template is what its clients read`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            for path in ["/templates", "/v2/templates", "/templates?teamID=x"] {
                let templates = try #require(try await plane.ask("GET", path).json.array)
                let claude = try #require(templates.first { $0["templateID"] == "claude" })
                #expect(claude["aliases"] == ["claude"] && claude["names"] == ["claude"])
                #expect(claude["createdBy"] == .null && claude["lastSpawnedAt"] != nil)
                #expect(claude["buildStatus"] == "ready" && claude["builds"] == nil)
            }
            for name in ["claude", "claude%3Adefault", "local%2Fclaude"] {
                let one = try await plane.ask("GET", "/templates/\(name)")
                #expect(one.status == 200)
                #expect(one.json["builds"]?[0]?["buildID"]?.string.flatMap { UUID(uuidString: $0) } != nil)
                let alias = try await plane.ask("GET", "/templates/aliases/\(name)")
                #expect(alias.json == ["templateID": "claude", "public": true])
                let tags = try await plane.ask("GET", "/templates/\(name)/tags")
                #expect(tags.json[0]?["tag"] == "default")
            }
            for path in [
                "/templates/nope", "/templates/aliases/nope", "/templates/aliases/ns%2Fclaude", "/templates/nope/tags",
            ] {
                let missing = try await plane.ask("GET", path)
                #expect(missing.status == 404)
                #expect(missing.message.contains("not found"))
            }
            #expect(try await plane.ask("DELETE", "/templates/nope").status == 404)
            #expect(try await plane.ask("DELETE", "/templates/claude").status == 403)
        }

        @Test(arguments: [
            "POST /templates", "POST /templates/claude", "POST /templates/claude/builds/1",
            "GET /templates/claude/tags/count", "GET /default-templates",
        ])
        func `of what is not there is that it is missing`(_ route: String) async throws {
            let words = route.split(separator: " ").map(String.init)
            let answer = try await shared().controlPlane().ask(words[0], words[1], words[0] == "GET" ? nil : "{}")
            #expect(answer.status == 501, "\(route)")
            #expect(answer.json["code"]?.integer == 501)
            #expect(answer.headers["Should-Retry"] == "false")
            #expect(answer.message.hasPrefix("This version of Martlet does not have "))
        }

        @Test func `of a path that nobody knows, or a method that it does not, is JSON`() async throws {
            let plane = try shared().controlPlane()
            for path in ["/", "/nothing", "/sandboxes/a/b", "/v3/sandboxes", "/%2e%2e/etc", "//"] {
                let missing = try await plane.ask("GET", path)
                #expect(missing.status == 404, "\(path)")
                #expect(missing.json["code"]?.integer == 404)
            }
            for (method, path, allowed) in [
                ("PUT", "/sandboxes", "GET, POST"), ("POST", "/sandboxes/i1", "DELETE, GET"),
                ("GET", "/sandboxes/i1/timeout", "POST"), ("HEAD", "/v2/sandboxes", "GET, POST"),
            ] {
                let refused = try await plane.ask(method, path)
                #expect(refused.status == 405, "\(path)")
                #expect(refused.headers["Allow"] == allowed)
            }
        }

        @Test func `of measurements is what fits the question`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            try await plane.withSandbox { id in
                let samples = try await retrying(every: .milliseconds(200), for: .seconds(60)) {
                    let samples = try await plane.ask("GET", "/sandboxes/\(id)/metrics").json.array ?? []
                    return samples.isEmpty ? nil : samples
                }
                let sample = samples[0]
                #expect(sample["memTotal"]?.integer ?? 0 > 100_000_000)
                #expect(sample["memUsed"]?.integer ?? 0 > 0 && sample["diskTotal"]?.integer ?? 0 > 0)
                #expect(sample["cpuCount"]?.integer ?? 0 > 0 && sample["cpuUsedPct"]?.number ?? -1 >= 0)
                let time = try #require(sample["timestampUnix"]?.integer)
                #expect(abs(Double(time) - Date().timeIntervalSince1970) < 120)
                let before = try await plane.ask("GET", "/sandboxes/\(id)/metrics?start=0&end=\(time - 1000)")
                #expect(before.text == "[]")
                let since = try await plane.ask("GET", "/sandboxes/\(id)/metrics?start=\(time)")
                #expect(since.json.array?.isEmpty == false)
                let many = try await plane.ask("GET", "/sandboxes/metrics?sandbox_ids=\(id),inobody")
                #expect(many.json["sandboxes"]?.object?.keys.sorted() == [id])
                for query in ["start=x", "end=-1"] {
                    #expect(try await plane.ask("GET", "/sandboxes/\(id)/metrics?\(query)").status == 400)
                }
            }
            let ids = (0..<101).map { "i\($0)" }.joined(separator: ",")
            for query in ["", "?sandbox_ids=", "?sandbox_ids=\(ids)"] {
                #expect(try await plane.ask("GET", "/sandboxes/metrics\(query)").status == 400, "\(query)")
            }
        }

        @Test func `of what happened in a sandbox outlives it`() async throws {
            let martlet = try shared()
            let plane = try await martlet.controlPlaneOfItsOwn()
            let other = try await martlet.controlPlaneOfItsOwn()
            try await Installation.slots.withPermit {
                let id = try await plane.create()
                let ran = try await martlet.martlet(["exec", id, "--", "sh", "-c", "echo out; echo Err >&2; exit 3"])
                #expect(ran.status == .exited(3))
                func first() async throws -> [JSONValue] {
                    try await plane.ask("GET", "/sandboxes/\(id)/logs").json["logs"]?.array ?? []
                }
                func second(_ query: String = "") async throws -> [JSONValue] {
                    try await plane.ask("GET", "/v2/sandboxes/\(id)/logs?\(query)").json["logs"]?.array ?? []
                }
                for isAlive in [true, false] {
                    if !isAlive { #expect(try await plane.ask("DELETE", "/sandboxes/\(id)").status == 204) }
                    let all = try await second()
                    let types = all.compactMap { $0["fields"]?["event_type"]?.string }
                    #expect(Set(types) == ["process_start", "stdout", "stderr", "process_end"], "\(all)")
                    #expect(types.first == "process_start" && types.last == "process_end")
                    let line = try #require(all.first { $0["fields"]?["event_type"] == "stdout" })
                    #expect(line["message"] == "out" && line["level"] == "info")
                    #expect(try await second("level=error").map { $0["message"] } == ["Process ended: exit status 3"])
                    // The command line has it, too.
                    #expect(try await second("search=ERR").count == 2)
                    #expect(try await second("direction=backward") == all.reversed())
                    #expect(try await second("limit=1") == [all[0]])
                    #expect(try await second("direction=backward&limit=1") == [all[all.count - 1]])
                    #expect(try await second("cursor=1").count == all.count)
                    #expect(try await second("cursor=1&direction=backward").isEmpty)
                    let lines = try await first()
                    #expect(lines.count == all.count)
                    let parsed = try JSONValue(parsing: try #require(lines[0]["line"]?.string))
                    #expect(parsed["level"] == "info" && parsed["logger"] == "process")
                    #expect(parsed["message"]?.string?.isEmpty == false)
                    for query in ["level=loud", "direction=up", "limit=1001", "cursor=x"] {
                        #expect(
                            try await plane.ask("GET", "/v2/sandboxes/\(id)/logs?\(query)").status == 400,
                            "\(query)"
                        )
                    }
                    #expect(try await other.ask("GET", "/v2/sandboxes/\(id)/logs").status == 404)
                }
                #expect(try await plane.ask("GET", "/sandboxes/\(id)").status == 404)
            }
        }
    }
}
