import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a command over Freestyle's API` {
        @Test func `gives what it wrote and how it ended`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                #expect(
                    try await api.run(vm, "echo out; echo err >&2; exit 3")
                        == ["stdout": "out\n", "stderr": "err\n", "statusCode": 3]
                )
                let input = Data("some input".utf8).base64EncodedString()
                let read = try await api.run(
                    vm,
                    #"cat; echo " $A""#,
                    ["stdin": .string(input), "env": ["A": "it's $B"]]
                )
                #expect(read["stdout"] == "some input it's $B\n")
                #expect(try await api.run(vm, "id -un; pwd")["stdout"] == "user\n/home/user\n")
                #expect(
                    try await api.run(vm, "id -un; pwd; echo $HOME", ["linuxUser": "root"])["stdout"]
                        == "root\n/root\n/root\n"
                )
                #expect(try await api.run(vm, "kill -TERM $$")["statusCode"] == 143)
                // It may be killed, but what it wrote is kept.
                let killed = try await api.run(vm, "echo begun; tail -f /dev/null", ["timeoutMs": 1500])
                #expect(killed["statusCode"] == .null && killed["stdout"] == "begun\n")
                // What it leaves behind lives on.
                _ = try await api.run(vm, "tail -f /dev/null >/dev/null 2>&1 & echo $! > pid")
                #expect(try await api.run(vm, "kill -0 $(cat pid)")["statusCode"] == 0)
            }
        }

        @Test func `is refused before it runs`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                for (body, status) in [
                    (#"{}"#, 400), (#"{"command":7}"#, 400), (#"{"command":"x","timeoutMs":0}"#, 400),
                    (#"{"command":"x","stdin":"?"}"#, 400), (#"{"command":"x","env":{"A=B":"c"}}"#, 400),
                    (#"{"command":"x","linuxUser":"nobody-there"}"#, 400), (#"{"command":"x","linuxUser":"a:b"}"#, 400),
                    ("{\"command\":\"\(String(repeating: "x", count: 131_072))\"}", 400),
                    ("{\"command\":\"x\",\"stdin\":\"\(String(repeating: "A", count: 1_500_000))\"}", 413),
                ] {
                    let refused = try await api.ask("POST", "/v5/vms/\(vm)/exec-await", text: body)
                    #expect(refused.status == status, "\(body.prefix(60)): \(refused.text.prefix(200))")
                    #expect(refused.json["code"] == (status == 413 ? "PAYLOAD_TOO_LARGE" : "BAD_REQUEST"))
                }
                #expect(try await api.ask("POST", "/v5/vms/nope/exec-await", ["command": "x"]).status == 404)
            }
        }

        @Test func `goes on in the background, and its answer is fetched`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                _ = try await api.run(vm, "mkfifo go")
                let body: JSONValue = ["command": "read word < go; echo $word; exit 5"]
                let pending = try await api.ask(
                    "POST",
                    "/v5/vms/\(vm)/exec-await",
                    body,
                    ["x-freestyle-background-after-secs": "0"]
                )
                #expect(pending.status == 202 && pending.json["status"] == "pending")
                let id = try #require(pending.headers["x-freestyle-background-request-id"])
                #expect(pending.json["requestId"] == .string(id))
                #expect(try await api.ask("GET", "/v5/background-requests/\(id)").status == 202)
                _ = try await api.run(vm, "echo done > go")
                let fetched = try await retrying(every: .milliseconds(50), for: .seconds(60)) {
                    let answer = try await api.ask("GET", "/v5/background-requests/\(id)")
                    return answer.status == 202 ? nil : answer
                }
                #expect(fetched.status == 200)
                #expect(fetched.json == ["stdout": "done\n", "stderr": "", "statusCode": 5])
                let stranger = try await shared().freestyle()
                #expect(try await stranger.ask("GET", "/v5/background-requests/\(id)").status == 404)
                let soon = try await api.ask(
                    "POST",
                    "/v5/vms/\(vm)/exec-await",
                    ["command": "echo soon"],
                    ["x-freestyle-background-after-secs": "60"]
                )
                #expect(soon.status == 200 && soon.json["stdout"] == "soon\n")
            }
        }
    }
}
