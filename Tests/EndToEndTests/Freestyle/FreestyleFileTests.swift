import FoundationEssentials
import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `files over Freestyle's API` {
        private static let octets: Headers = ["Content-Type": "application/octet-stream"]

        @Test func `are written whole, read in parts, and told of`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let fs = "/v5/vms/\(vm)/fs"
                func write(_ query: String, _ content: String) async throws -> ControlPlane.Answer {
                    try await api.ask("PUT", "\(fs)/write?\(query)", text: content, Self.octets)
                }
                #expect(try await write("path=/srv/app/a.txt&mode=420", "0123456789").status == 204)
                let whole = try await api.ask("GET", "\(fs)/read?path=/srv/app/a.txt")
                #expect(whole.status == 200 && whole.text == "0123456789")
                let part = try await api.ask("GET", "\(fs)/read?path=/srv/app/a.txt", nil, ["Range": "bytes=2-4"])
                #expect(part.status == 206 && part.text == "234" && part.headers["Content-Range"] == "bytes 2-4/10")
                let none = try await api.ask("GET", "\(fs)/read?path=/srv/app/a.txt", nil, ["Range": "bytes=10-"])
                #expect(none.status == 416 && none.json["code"] == "RANGE_NOT_SATISFIABLE")

                let stat = try await api.ask("GET", "\(fs)/stat?path=/srv/app/a.txt").json
                #expect(stat["size"] == 10 && stat["isFile"] == true && stat["isDirectory"] == false)
                #expect(stat["permissions"] == "0644" && stat["owner"] == "user" && stat["isSymlink"] == false)
                // Without a mode the rights stay; a new file is its owner's alone.
                #expect(try await write("path=/srv/app/a.txt", "new").status == 204)
                #expect(try await api.ask("GET", "\(fs)/stat?path=/srv/app/a.txt").json["permissions"] == "0644")
                #expect(try await write("path=/srv/app/b", "").status == 204)
                #expect(try await api.ask("GET", "\(fs)/stat?path=/srv/app/b").json["permissions"] == "0600")

                // One that is not what it should be leaves the old one, and nothing beside it.
                let digest = String(repeating: "0", count: 64)
                #expect(try await write("path=/srv/app/a.txt&sha256=\(digest)", "bad").status == 400)
                #expect(try await api.ask("GET", "\(fs)/read?path=/srv/app/a.txt").text == "new")
                let document: JSONValue = ["path": "/srv/app/c", "content": "/wA=", "encoding": "base64", "mode": 493]
                #expect(try await api.ask("PUT", "\(fs)/write", document).status == 204)
                #expect(try await api.ask("GET", "\(fs)/read?path=/srv/app/c").body == [0xFF, 0])

                #expect(try await api.ask("POST", "\(fs)/mkdir", ["path": "/srv/app/d/e"]).status == 204)
                #expect(try await api.ask("POST", "\(fs)/mkdir", ["path": "/srv/app/d"]).status == 204)
                _ = try await api.run(vm, "ln -s a.txt /srv/app/l", ["linuxUser": "root"])
                #expect(
                    try await api.ask("GET", "\(fs)/dir?path=/srv/app").json["entries"]
                        == [
                            ["name": "a.txt", "kind": "file"], ["name": "b", "kind": "file"],
                            ["name": "c", "kind": "file"], ["name": "d", "kind": "directory"],
                            ["name": "l", "kind": "symlink"],
                        ]
                )
                #expect(try await api.ask("DELETE", "\(fs)/remove?path=/srv/app").status == 204)
                #expect(try await api.ask("GET", "\(fs)/exists?path=/srv/app").json == ["exists": false])
                #expect(try await api.ask("GET", "\(fs)/exists?path=/srv").json == ["exists": true])

                for (method, target, status) in [
                    ("GET", "read?path=/none", 404), ("GET", "stat?path=/none", 404), ("GET", "dir?path=/none", 404),
                    ("GET", "read?path=/srv", 400), ("GET", "dir?path=/etc/passwd", 400), ("GET", "read", 400),
                    ("GET", "read?path=a", 400), ("GET", "read?path=/a/../b", 400), ("GET", "stat?path=/%00", 400),
                ] {
                    let refused = try await api.ask(method, "\(fs)/\(target)")
                    #expect(refused.status == status, "\(target): \(refused.text)")
                    #expect(refused.json["code"] == (status == 404 ? "NOT_FOUND" : "BAD_REQUEST"))
                }
            }
        }

        @Test func `come in chunks that may be sent again`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let uploads = "/v5/vms/\(vm)/fs/uploads"
                let content = "The content of a file that comes in three chunks."
                let begun = try await api.ask(
                    "POST",
                    uploads,
                    ["path": "/srv/up", "size": .integer(Int64(content.utf8.count)), "mode": 416]
                )
                #expect(begun.status == 200 && begun.json["receivedBytes"] == 0, "\(begun.text)")
                let id = try #require(begun.json["uploadId"]?.string)
                func send(_ offset: Int, _ text: Substring) async throws -> ControlPlane.Answer {
                    try await api.ask("PUT", "\(uploads)/\(id)?offset=\(offset)", text: String(text), Self.octets)
                }
                #expect(try await send(0, content.prefix(20)).json["receivedBytes"] == 20)
                #expect(try await send(25, content.dropFirst(25)).status == 409)
                #expect(try await send(5, content.dropFirst(5).prefix(10)).json["receivedBytes"] == 20)
                #expect(try await api.ask("POST", "\(uploads)/\(id)/commit").status == 409)
                #expect(try await send(15, content.dropFirst(15).prefix(15)).json["receivedBytes"] == 30)
                #expect(try await send(30, content.dropFirst(30)).json["receivedBytes"] == begun.json["size"])
                #expect(try await api.ask("GET", "/v5/vms/\(vm)/fs/exists?path=/srv/up").json["exists"] == false)
                #expect(try await api.ask("POST", "\(uploads)/\(id)/commit").status == 204)
                #expect(try await api.ask("GET", "/v5/vms/\(vm)/fs/read?path=/srv/up").text == content)
                #expect(try await api.ask("GET", "/v5/vms/\(vm)/fs/stat?path=/srv/up").json["permissions"] == "0640")
                #expect(try await api.ask("GET", "\(uploads)/\(id)").status == 404)

                // One that is given up leaves nothing.
                let other = try await api.ask(
                    "POST",
                    uploads,
                    ["path": "/srv/up2", "size": 4, "sha256": .string(String(repeating: "a", count: 64))]
                )
                let otherID = try #require(other.json["uploadId"]?.string)
                let sent = try await api.ask("PUT", "\(uploads)/\(otherID)?offset=0", text: "abcd", Self.octets)
                #expect(sent.json["receivedBytes"] == 4)
                #expect(try await api.ask("POST", "\(uploads)/\(otherID)/commit").status == 400)
                #expect(try await api.ask("DELETE", "\(uploads)/\(otherID)").status == 204)
                #expect(try await api.run(vm, "ls -A /srv")["stdout"] == "up\n")
            }
        }

        @Test func `of the guide's version are documents`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let v1 = "/v1/vms/\(vm)"
                let written = try await api.ask(
                    "PUT",
                    "\(v1)/files/root/.claude.json",
                    ["content": "{\"theme\":\"dark\"}"]
                )
                #expect(written.status == 200, "\(written.text)")
                let read = try await api.ask("GET", "\(v1)/files/root/.claude.json").json
                #expect(read == ["content": "{\"theme\":\"dark\"}", "encoding": "utf-8"])
                let listed = try await api.ask("GET", "\(v1)/files/etc/apt").json["files"]?.array ?? []
                #expect(listed.contains(["name": "sources.list.d", "kind": "directory"]), "\(listed)")
                let owner = try await api.ask("POST", "\(v1)/exec-await", ["command": "stat -c %U /root/.claude.json"])
                #expect(owner.json["stdout"] == "root\n")
                let user: Headers = ["X-Freestyle-Vm-Linux-User-Id": "user"]
                let asUser = try await api.ask("POST", "\(v1)/exec-await", ["command": "id -un"], user)
                #expect(asUser.json == ["stdout": "user\n", "stderr": "", "statusCode": 0])
                let late = try await api.ask(
                    "POST",
                    "\(v1)/exec-await",
                    ["command": "tail -f /dev/null", "timeoutMs": 200]
                )
                #expect(late.status == 408 && late.json["error"] == "TIMEOUT")
                let missing = try await api.ask("GET", "\(v1)/files/none")
                #expect(missing.status == 404 && missing.json["error"] == "NOT_FOUND")
            }
        }

        @Test func `of a machine of the guide's version are there from its create on`() async throws {
            let api = try await shared().freestyle()
            try await Installation.slots.withPermit {
                let body: JSONValue = [
                    "idleTimeoutSeconds": nil, "workdir": "/srv/work",
                    "spec": [
                        "groups": [["name": "agents"]], "vcpuCount": 1, "git": ["config": ["user": ["name": "A B"]]],
                        "snapshot": ["snapshotId": "claude", "users": [["name": "claude"]]],
                    ],
                    "additionalFiles": ["/srv/run": ["content": "#!/bin/sh\necho ran", "executable": true]],
                ]
                let made = try await api.ask("POST", "/v1/vms", body)
                try #require(made.status == 200, "\(made.text)")
                let id = try #require(made.json["vmId"]?.string)
                #expect(made.json["id"] == made.json["vmId"] && made.json["domains"] == [])
                let ran = try await api.ask(
                    "POST",
                    "/v1/vms/\(id)/exec-await",
                    ["command": "/srv/run; id -un; pwd; git config user.name"],
                    ["X-Freestyle-Vm-Linux-User-Id": "claude"]
                )
                #expect(ran.json["stdout"] == "ran\nclaude\n/srv/work\nA B\n")
                #expect(try await api.ask("GET", "/v1/vms").json["vms"]?[0]?["state"] == "running")
                let image = try await api.ask(
                    "POST",
                    "/v1/vms",
                    ["spec": ["baseImage": ["dockerfileContent": "FROM x"]]]
                )
                #expect(image.status == 501 && image.message.contains("martlet template build"), "\(image.text)")
                let size = try await api.ask("POST", "/v1/vms/\(id)/resize", ["memSizeGb": 1000])
                #expect(size.status == 501 && size.message.contains("--memory"), "\(size.text)")
                #expect(try await api.ask("DELETE", "/v1/vms/\(id)").status == 200)
                #expect(try await api.ask("GET", "/v1/vms/\(id)").status == 404)
            }
        }
    }
}
