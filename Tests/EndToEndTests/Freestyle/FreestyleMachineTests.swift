import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a machine of Freestyle's API` {
        @Test func `is made, told of, changed and deleted`() async throws {
            let api = try await shared().freestyle()
            let wishes: [String: JSONValue] = [
                "slug": "mine", "displayName": "My machine", "metadata": ["a": "1", "b": "2"], "ttlSeconds": 600,
                "idleTimeoutSeconds": nil,
            ]
            try await api.withVM(wishes) { id in
                let vm = try await api.ask("GET", "/v5/vms/mine").json
                #expect(vm["id"] == .string(id) && vm["state"] == "running" && vm["snapshotId"] == "claude")
                #expect(vm["slug"] == "mine" && vm["displayName"] == "My machine" && vm["ttlSeconds"] == 600)
                #expect(vm["metadata"] == ["a": "1", "b": "2"] && vm["idleTimeoutSeconds"] == .null)
                for name in ["cpu", "memory", "storage"] {
                    #expect(vm["resources"]?[name]?.integer ?? 0 > 0, "\(name)")
                }
                #expect(vm["createdAt"]?.string?.hasSuffix("Z") == true)

                let changed = try await api.ask(
                    "PATCH",
                    "/v5/vms/\(id)",
                    ["slug": "other", "metadata": ["a": "", "c": "3"], "ttlSeconds": 1200, "displayName": nil]
                )
                #expect(changed.status == 200, "\(changed.text)")
                #expect(changed.json["metadata"] == ["b": "2", "c": "3"] && changed.json["displayName"] == .null)
                #expect(try await api.ask("GET", "/v5/vms/mine").status == 404)
                #expect(try await api.ask("GET", "/v5/vms/other").json["ttlSeconds"] == 1200)

                // What one API makes the others see, for its owner alone.
                let plane = ControlPlane(port: api.plane.port, key: api.key)
                let left = try await plane.left(id)
                #expect(left > 1000 && left < 1200)
                let stranger = try await shared().freestyle()
                #expect(try await stranger.ask("GET", "/v5/vms/\(id)").status == 404)
                #expect(try await stranger.ask("GET", "/v5/vms").json["totalCount"] == 0)

                #expect(try await api.ask("DELETE", "/v5/vms/other").status == 204)
                let gone = try await api.ask("DELETE", "/v5/vms/\(id)")
                #expect(gone.status == 404 && gone.json["code"] == "NOT_FOUND")
            }
        }

        @Test func `is listed with what fits, and counted`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM(["slug": "one", "metadata": ["k": "a:b"]]) { id in
                func list(_ query: String) async throws -> JSONValue {
                    let answer = try await api.ask("GET", "/v5/vms\(query)")
                    #expect(answer.status == 200, "\(answer.text)")
                    return answer.json
                }
                for query in [
                    "", "?state=running", "?slug=one", "?metadata=k:a:b", "?search=ON", "?snapshotId=claude&limit=1",
                ] {
                    let listed = try await list(query)
                    #expect(listed["vms"]?[0]?["id"] == .string(id), "\(query)")
                    #expect(listed["totalCount"] == 1 && listed["runningCount"] == 1 && listed["pausedCount"] == 0)
                }
                for query in ["?state=paused", "?slug=two", "?metadata=k:b", "?search=x9", "?snapshotId=base"] {
                    #expect(try await list(query)["vms"] == [], "\(query)")
                }
                #expect(try await list("?offset=1")["vms"] == [])
                #expect(try await list("?offset=1")["totalCount"] == 1)
                #expect(try await api.ask("GET", "/v5/vms?vpc=x").status == 404)
                #expect(try await api.ask("GET", "/v5/vms?state=x").status == 400)
                let metrics = try await api.ask("GET", "/v5/vms/one/metrics").json
                #expect(metrics["samples"]?[0]?["memoryTotalBytes"]?.integer ?? 0 > 0)
            }
        }

        @Test func `keeps its slug unless that is taken over`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM(["slug": "one"]) { first in
                let body: JSONValue = ["snapshotId": "claude", "firewall": [:], "slug": "one"]
                let refused = try await api.ask("POST", "/v5/vms", body)
                #expect(refused.status == 409 && refused.json["code"] == "CONFLICT")
                // Nothing was made for it.
                #expect(try await api.ask("GET", "/v5/vms").json["totalCount"] == 1)
                guard case .object(var members) = body else { return }
                members["reassignSlug"] = true
                let made = try await api.ask("POST", "/v5/vms", .object(members))
                #expect(made.status == 201, "\(made.text)")
                #expect(try await api.ask("GET", "/v5/vms/one").json["id"] == made.json["id"])
                #expect(try await api.ask("GET", "/v5/vms/\(first)").json["slug"] == .null)
                // It answers under the name that it was called by, although that is another's from here on.
                let renamed = try await api.ask("PATCH", "/v5/vms/one", ["slug": "two"])
                #expect(renamed.json["slug"] == "two" && renamed.json["id"] == made.json["id"], "\(renamed.text)")
                _ = try await api.ask("DELETE", "/v5/vms/two")
            }
        }

        @Test(arguments: [
            ("{", 400, "BAD_REQUEST"), ("[]", 400, "BAD_REQUEST"), ("{}", 400, "BAD_REQUEST"),
            (#"{"firewall":{"rule":[]}}"#, 400, "BAD_REQUEST"), (#"{"firewall":{},"slug":"A b"}"#, 400, "BAD_REQUEST"),
            (#"{"firewall":{},"metadata":{"a":1}}"#, 400, "BAD_REQUEST"),
            (#"{"firewall":{},"ttlSeconds":0}"#, 400, "BAD_REQUEST"),
            (#"{"firewall":{},"snapshotId":"nope"}"#, 404, "NOT_FOUND"),
            (#"{"firewall":{},"snapshotId":"claude","tls":{"rules":[{}]}}"#, 501, "NOT_IMPLEMENTED"),
            (#"{"firewall":{},"snapshotId":"claude","networks":[{"vpc":"v"}]}"#, 501, "NOT_IMPLEMENTED"),
        ])
        func `is refused with a status, a code and a sentence`(_ body: String, _ status: Int, _ code: String)
            async throws
        {
            let refused = try await shared().freestyle().ask("POST", "/v5/vms", text: body)
            #expect(refused.status == status, "\(refused.text)")
            #expect(refused.json["code"] == .string(code) && !refused.message.isEmpty)
        }

        @Test func `is nobody's without a key`() async throws {
            let keyed = try await shared().freestyle()
            for key in [nil, "e2b_" + String(repeating: "0", count: 40)] {
                let api = FreestyleAPI(plane: keyed.plane, key: key)
                let fifth = try await api.ask("GET", "/v5/vms")
                #expect(fifth.status == 401 && fifth.json["code"] == "UNAUTHORIZED")
                let first = try await api.ask("GET", "/v1/vms")
                #expect(first.status == 401 && first.json["error"] == "UNAUTHORIZED" && first.json["code"] == nil)
            }
            #expect(try await keyed.ask("GET", "/v5/nothing").status == 404)
            #expect(try await keyed.ask("PUT", "/v5/vms").status == 405)
            #expect(try await keyed.ask("GET", "/v5/vpcs").status == 501)
        }

        @Test func `has rules that die with it`() async throws {
            let api = try await shared().freestyle()
            let rules: JSONValue = [
                "rules": [["source": [:], "destination": ["public": true, "port": 443, "protocol": "tcp"]]]
            ]
            try await api.withVM(["firewall": rules, "slug": "walled"]) { id in
                let listed = try await api.ask("GET", "/v5/firewall/rules").json
                let rule = try #require(listed["rules"]?[0])
                #expect(rule["source"]?["vmId"] == .string(id))
                let ruleID = try #require(rule["id"]?.string)
                func evaluate(_ port: Int64) async throws -> JSONValue {
                    try await api.ask(
                        "POST",
                        "/v5/firewall/evaluate",
                        ["source": ["vmId": "walled"], "destination": ["cidr": "203.0.114.9", "port": .integer(port)]]
                    ).json
                }
                #expect(try await evaluate(443) == ["type": "allowedByRule", "ruleId": .string(ruleID)])
                #expect(try await evaluate(80) == ["type": "denied"])
                #expect(try await evaluate(25) == ["type": "deniedByPlatform", "reason": "outboundMail"])
                let added = try await api.ask(
                    "POST",
                    "/v5/firewall/rules",
                    ["source": ["vmId": "walled"], "destination": ["cidr": "203.0.114.0/24"]]
                )
                #expect(added.status == 201, "\(added.text)")
                #expect(try await evaluate(80)["type"] == "allowedByRule")
                let addedID = try #require(added.json["id"]?.string)
                #expect(try await api.ask("GET", "/v5/firewall/rules/\(addedID)").json == added.json)
                #expect(try await api.ask("DELETE", "/v5/firewall/rules/\(addedID)").status == 204)
                #expect(try await api.ask("DELETE", "/v5/firewall/rules/\(addedID)").status == 404)
                #expect(try await evaluate(80) == ["type": "denied"])
                #expect(try await api.ask("DELETE", "/v5/vms/walled").status == 204)
                #expect(try await api.ask("GET", "/v5/firewall/rules").json == ["rules": []])
            }
        }
    }
}
