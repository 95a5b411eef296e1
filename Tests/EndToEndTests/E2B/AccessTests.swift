import FoundationEssentials
import HTTP
import Linux
import RPC
import Testing
import Wire

extension Martlet {
    @Suite struct `a key of E2B's API` {
        /// Every request that names a sandbox.
        static let requests = [
            ("GET", "/sandboxes/ID", nil), ("DELETE", "/sandboxes/ID", nil),
            ("POST", "/sandboxes/ID/connect", #"{"timeout":10}"#), ("POST", "/v2/sandboxes/ID/connect", nil),
            ("POST", "/sandboxes/ID/resume", nil), ("POST", "/sandboxes/ID/timeout", #"{"timeout":0}"#),
            ("POST", "/sandboxes/ID/refreshes", nil), ("GET", "/sandboxes/ID/logs", nil),
            ("GET", "/v2/sandboxes/ID/logs", nil), ("GET", "/sandboxes/ID/metrics", nil),
            ("POST", "/sandboxes/ID/pause", "{}"), ("POST", "/sandboxes/ID/fork", "{}"),
            ("POST", "/sandboxes/ID/snapshots", "{}"), ("PUT", "/sandboxes/ID/network", "{}"),
        ]

        @Test func `does not see another's sandbox, which looks like one that never was`() async throws {
            let mine = try await shared().controlPlaneOfItsOwn()
            let yours = try await shared().controlPlaneOfItsOwn()
            let unknown = "i" + Random.name(20)
            try await mine.withSandbox { id in
                for (method, path, body) in Self.requests {
                    func ask(_ id: String) async throws -> (status: Int, headers: [Headers.Field], body: String) {
                        let answer = try await yours.ask(method, path.replacing("ID", with: id), body)
                        return (answer.status, answer.headers.fields, answer.text.replacing(id, with: "ID"))
                    }
                    let hidden = try await ask(id)
                    let missing = try await ask(unknown)
                    #expect(hidden.status == 404 && missing.status == 404, "\(method) \(path)")
                    #expect(hidden.headers == missing.headers && hidden.body == missing.body, "\(method) \(path)")
                    #expect(
                        hidden.body
                            == #"{"code":404,"message":"Sandbox \"ID\" doesn't exist or you don't have access to it"}"#
                    )
                }
                #expect(try await yours.ask("GET", "/v2/sandboxes").text == "[]")
                #expect(try await yours.ask("GET", "/sandboxes/metrics?sandbox_ids=\(id)").text == #"{"sandboxes":{}}"#)
                // After all that, it is as it was.
                #expect(try await mine.left(id) > 200)
                let listed = try await shared().sandboxes()
                #expect(listed.contains { $0.id == id })
                // Half an id, or one with a client's id behind it.
                #expect(try await mine.ask("GET", "/sandboxes/\(id.prefix(10))").status == 404)
                #expect(try await mine.ask("GET", "/sandboxes/\(id)-c0ffee").status == 200)
            }
        }

        @Test func `opens nothing when it is missing, malformed or nobody's`() async throws {
            var plane = try shared().controlPlane()
            let good = try #require(plane.key)
            let routes =
                Self.requests + [
                    ("GET", "/v2/sandboxes", nil), ("POST", "/v2/sandboxes", "{}"), ("GET", "/templates", nil),
                    ("GET", "/teams", nil), ("GET", "/api-keys", nil), ("GET", "/no/such/route", nil),
                ]
            for key in [
                nil, "", "e2b_", "\(good)0", String(good.dropLast()), "e2b_" + String(repeating: "0", count: 40),
            ] {
                plane.key = key
                for (method, path, body) in routes {
                    let refused = try await plane.ask(method, path, body)
                    #expect(refused.status == 401, "\(method) \(path)")
                    #expect(refused.json["code"]?.integer == 401)
                    #expect(refused.message.contains("X-API-KEY"))
                    #expect(!refused.text.contains(good))
                }
            }
            plane.key = nil
            let health = try await plane.ask("GET", "/health")
            #expect(health.status == 200)
            let bearer = try await plane.ask("GET", "/teams", nil, ["Authorization": "Bearer \(good)"])
            #expect(bearer.status == 200)
        }

        @Test func `of another owner does not open the daemon's own calls`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            for call in [ListSandboxes.name, ShutDown.name, CreateKey.name, ListRuns.name, RemoveTemplate.name] {
                let refused = try await plane.ask("POST", "/\(call)", "{}")
                #expect(refused.status == 403, "\(call)")
                #expect(refused.json["code"] == "permission_denied")
            }
        }

        @Test func `is made, listed, renamed and taken away with another`() async throws {
            let plane = try await shared().controlPlaneOfItsOwn()
            let made = try await plane.ask("POST", "/api-keys", #"{"name":"laptop"}"#)
            #expect(made.status == 201)
            let id = try #require(made.json["id"]?.string)
            let key = try #require(made.json["key"]?.string)
            #expect(key.hasPrefix("e2b_") && key.utf8.count == 44)
            #expect(UUID(uuidString: id) != nil)
            #expect(made.json["mask"]?["maskedValueSuffix"]?.string == String(key.suffix(4)))
            #expect(made.json["lastUsed"] == .null)

            var second = plane
            second.key = key
            let listed = try await second.ask("GET", "/api-keys")
            #expect(listed.json.array?.count == 2)
            #expect(!listed.text.contains(key))
            #expect(listed.json[1]?["lastUsed"]?.string != nil)
            let renamed = try await plane.ask("PATCH", "/api-keys/\(id)", #"{"name":"desk"}"#)
            #expect(renamed.status == 200 && renamed.json["name"] == "desk")
            // Both are of one owner, and see the same.
            try await second.withSandbox { id in
                let seen = try await plane.ask("GET", "/sandboxes/\(id)")
                #expect(seen.status == 200)
            }

            let other = try await shared().controlPlaneOfItsOwn()
            #expect(try await other.ask("DELETE", "/api-keys/\(id)").status == 404)
            #expect(try await plane.ask("DELETE", "/api-keys/\(id)").status == 204)
            #expect(try await plane.ask("DELETE", "/api-keys/\(id)").status == 404)
            #expect(try await second.ask("GET", "/v2/sandboxes").status == 401)
            for body in ["", "{}", #"{"name":""}"#, #"{"name":1}"#] {
                #expect(try await plane.ask("POST", "/api-keys", body).status == 400, "\(body)")
            }
            let teams = try await plane.ask("GET", "/teams")
            #expect(teams.json.array?.count == 1)
            #expect(teams.json[0]?["apiKey"]?.string == plane.key)
            #expect(teams.json[0]?["isDefault"] == true)
        }

        @Test func `that is the installation's own stays`() async throws {
            let plane = try shared().controlPlane()
            let keys = try await plane.ask("GET", "/api-keys")
            let id = try #require(keys.json.array?.first { $0["name"] == "installation" }?["id"]?.string)
            let refused = try await plane.ask("DELETE", "/api-keys/\(id)")
            #expect(refused.status == 409)
            #expect(refused.message.contains("api-key"))
        }
    }
}
