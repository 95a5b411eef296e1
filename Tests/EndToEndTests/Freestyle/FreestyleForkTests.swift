import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a fork over Freestyle's API` {
        @Test(arguments: ["/v1", "/v5"])
        func `goes on from where its parent is, as somebody else`(_ version: String) async throws {
            let api = try await shared().freestyle()
            let rules: JSONValue = ["rules": [["destination": ["public": true]]]]
            try await api.withVM(["firewall": rules, "metadata": ["a": "1"], "slug": "parent"]) { vm in
                _ = try await api.run(vm, "echo shared > file; tail -f /dev/null >/dev/null 2>&1 & echo $! > pid")
                let forked = try await api.ask("POST", "\(version)/vms/\(vm)/fork", ["count": 2])
                #expect(forked.status == (version == "/v1" ? 200 : 201), "\(forked.text)")
                let forks = forked.json[version == "/v1" ? "forks" : "vms"]?.array ?? []
                let ids = forks.compactMap { $0["id"]?.string }
                #expect(Set(ids + [vm]).count == 3)
                #expect(forked.json[version == "/v1" ? "vmId" : "sourceVmId"] == .string(vm))
                var names: Set<String?> = []
                for id in ids + [vm] {
                    let ran = try await api.run(id, "cat file; kill -0 $(cat pid); echo $? >> file; hostname")
                    #expect(ran["stdout"]?.string?.hasPrefix("shared\n") == true, "\(ran)")
                    names.insert(ran["stdout"]?.string)
                    #expect(try await api.run(id, "cat file")["stdout"] == "shared\n0\n")
                }
                #expect(names.count == 3)
                for id in ids {
                    let child = try await api.ask("GET", "/v5/vms/\(id)").json
                    #expect(child["metadata"] == ["a": "1"] && child["slug"] == .null)
                    #expect(child["snapshotId"] == "claude")
                    let decision = try await api.ask(
                        "POST",
                        "/v5/firewall/evaluate",
                        ["source": ["vmId": .string(id)], "destination": ["cidr": "203.0.114.9", "port": 80]]
                    )
                    #expect(decision.json["type"] == "allowedByRule")
                    #expect(try await api.ask("DELETE", "/v5/vms/\(id)").status == 204)
                }
                #expect(try await api.ask("POST", "\(version)/vms/\(vm)/fork", ["count": 0]).status == 400)
            }
        }
    }
}
