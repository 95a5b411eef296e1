import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a snapshot over Freestyle's API` {
        @Test func `is what machines are made from, and needs nobody`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                _ = try await api.run(vm, "echo before > state; tail -f /dev/null >/dev/null 2>&1 & echo $! > pid")
                let taken = try await api.ask(
                    "POST",
                    "/v5/vms/\(vm)/snapshot",
                    ["slug": "seed", "displayName": "Seed"]
                )
                #expect(taken.status == 200 && taken.json["sourceVmId"] == .string(vm), "\(taken.text)")
                let id = try #require(taken.json["snapshotId"]?.string)
                #expect(taken.json["snapshot"]?["slug"] == "seed")
                // The source goes on, changes, and is no more.
                _ = try await api.run(vm, "echo after > state")
                #expect(try await api.ask("GET", "/v5/vms").json["totalCount"] == 1)
                #expect(try await api.ask("GET", "/v5/vms/\(id)").status == 404)
                #expect(try await api.ask("DELETE", "/v5/vms/\(vm)").status == 204)

                let listed = try await api.ask("GET", "/v5/snapshots?sourceVmId=\(vm)").json
                #expect(listed["totalCount"] == 1 && listed["snapshots"]?[0]?["id"] == .string(id))
                let again = try await api.ask("GET", "/v1/vms/snapshots/seed").json
                #expect(again["displayName"] == "Seed")
                var hosts: Set<String?> = []
                for name in ["seed", id] {
                    let body: JSONValue = ["snapshotId": .string(name), "firewall": [:], "metadata": ["from": "seed"]]
                    let made = try await api.ask("POST", "/v5/vms", body)
                    try #require(made.status == 201, "\(made.text)")
                    let child = try #require(made.json["id"]?.string)
                    #expect(made.json["snapshotId"] == .string(name) && made.json["metadata"] == ["from": "seed"])
                    let ran = try await api.run(child, "cat state; kill -0 $(cat pid) && hostname")
                    #expect(ran["stdout"]?.string?.hasPrefix("before\n") == true && ran["statusCode"] == 0, "\(ran)")
                    hosts.insert(ran["stdout"]?.string)
                    #expect(try await api.ask("DELETE", "/v5/vms/\(child)").status == 204)
                }
                #expect(hosts.count == 2)

                let renamed = try await api.ask("PATCH", "/v5/snapshots/seed", ["slug": "kernel", "displayName": nil])
                #expect(renamed.json["slug"] == "kernel" && renamed.json["displayName"] == .null, "\(renamed.text)")
                let stranger = try await shared().freestyle()
                #expect(try await stranger.ask("GET", "/v5/snapshots").json["totalCount"] == 0)
                #expect(try await stranger.ask("DELETE", "/v5/snapshots/\(id)").status == 404)
                #expect(try await api.ask("DELETE", "/v5/snapshots/kernel").status == 204)
                #expect(try await api.ask("GET", "/v5/snapshots/\(id)").status == 404)
                let gone = try await api.ask("POST", "/v5/vms", ["snapshotId": .string(id), "firewall": [:]])
                #expect(gone.status == 404)
                #expect(try await api.ask("GET", "/v5/snapshots/claude").json["public"] == true)
                #expect(try await api.ask("DELETE", "/v5/snapshots/claude").status == 409)
            }
        }
    }
}
