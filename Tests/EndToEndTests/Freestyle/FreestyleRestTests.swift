import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a machine of Freestyle's API that rests` {
        @Test func `is as it was when it goes on`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM(["slug": "resting"]) { vm in
                _ = try await api.run(vm, "echo kept > kept; (tail -f /dev/null) >/dev/null 2>&1 & echo $! > pid")
                let paused = try await api.ask("POST", "/v5/vms/\(vm)/pause")
                #expect(paused.status == 200 && paused.json["state"] == "paused", "\(paused.text)")
                #expect(try await api.ask("GET", "/v5/vms").json["pausedCount"] == 1)
                #expect(try await api.ask("GET", "/v5/vms?state=paused").json["vms"]?[0]?["slug"] == "resting")
                let again = try await api.ask("POST", "/v5/vms/\(vm)/pause")
                #expect(again.status == 409 && again.json["code"] == "CONFLICT")
                let asleep = try await api.ask("POST", "/v5/vms/\(vm)/exec-await?wake=false", ["command": "true"])
                #expect(asleep.status == 409)

                let started = try await api.ask("POST", "/v5/vms/resting/start")
                #expect(started.status == 200 && started.json["state"] == "running", "\(started.text)")
                #expect(try await api.ask("POST", "/v5/vms/resting/start").status == 200)
                #expect(
                    try await api.run(vm, "cat kept; kill -0 $(cat pid)") == [
                        "stdout": "kept\n", "stderr": "", "statusCode": 0,
                    ]
                )

                // What Freestyle refuses wakes it here.
                let suspended = try await api.ask("POST", "/v1/vms/\(vm)/suspend")
                #expect(suspended.status == 200 && suspended.json["id"] == .string(vm), "\(suspended.text)")
                #expect(try await api.ask("GET", "/v1/vms/\(vm)").json["state"] == "suspended")
                #expect(try await api.run(vm, "cat kept")["stdout"] == "kept\n")
                #expect(try await api.ask("GET", "/v1/vms/\(vm)").json["state"] == "running")
            }
        }

        @Test func `rests when nobody uses it, and is deleted when that lasts`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM(["idleTimeoutSeconds": 1]) { vm in
                try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    try await api.ask("GET", "/v5/vms/\(vm)").json["state"] == "paused" ? () : nil
                }
                let changed = try await api.ask("PATCH", "/v5/vms/\(vm)", ["autoDeleteSeconds": 0])
                #expect(changed.status == 200, "\(changed.text)")
                try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    try await api.ask("GET", "/v5/vms/\(vm)").status == 404 ? () : nil
                }
            }
        }

        @Test func `stays at rest when it has run as long as it may`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM(["maxRunTotalSeconds": 1]) { vm in
                try await retrying(every: .milliseconds(100), for: .seconds(60)) {
                    try await api.ask("GET", "/v5/vms/\(vm)").json["state"] == "paused" ? () : nil
                }
                let refused = try await api.ask("POST", "/v5/vms/\(vm)/start")
                #expect(refused.status == 409 && refused.json["code"] == "CONFLICT", "\(refused.text)")
            }
        }
    }
}
