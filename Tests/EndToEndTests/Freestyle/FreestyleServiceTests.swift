import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    @Suite struct `a service of Freestyle's API` {
        @Test func `runs from the create of its machine on, in order, and again when it has ended`() async throws {
            let api = try await shared().freestyle()
            let services: JSONValue = [
                [
                    "name": "prepare", "mode": "oneshot", "exec": ["mkdir -p /srv/web", "echo hello > /srv/web/index"],
                    "remainAfterExit": true,
                ],
                [
                    "name": "web", "exec": ["cat index; id -un; echo \"$WORD\" >&2; exec tail -f /dev/null"],
                    "env": ["WORD": "plum"], "user": "user", "workdir": "/srv/web", "requires": ["prepare.service"],
                    "after": ["network-online.target"], "wantedBy": ["multi-user.target"],
                    "restartPolicy": ["policy": "on-failure", "restartSec": 0.1],
                ],
                [
                    "name": "slow", "readySignal": true,
                    "exec": [
                        """
                        sleep 1; python3 -c 'import os, socket
                        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])'
                        exec tail -f /dev/null
                        """
                    ],
                ],
                ["name": "asleep", "exec": "exec tail -f /dev/null", "enable": false],
            ]
            try await api.withFirstVM(["systemd": ["services": services]]) { vm in
                // The create has waited for it.
                let slow = try await api.service(vm, "slow.service")
                #expect(slow["activeState"] == "active" && slow["subState"] == "running", "\(slow)")
                let prepared = try await api.service(vm, "prepare")
                #expect(prepared["activeState"] == "active" && prepared["subState"] == "exited", "\(prepared)")
                #expect(try await api.service(vm, "asleep")["activeState"] == "inactive")
                let web = try await api.becomes(vm, "web") { $0["subState"] == "running" }
                #expect(web["user"] == "user" && web["restarts"] == 0)
                let wrote = try await api.wrote(vm, "web", ["hello", "user", "plum"])
                #expect(wrote.map { $0["source"] } == ["output", "output", "error"])

                _ = try await api.run(vm, "kill -KILL \(web["mainPid"]?.integer ?? 0)", ["linuxUser": "root"])
                let again = try await api.becomes(vm, "web") { $0["restarts"] == 1 && $0["subState"] == "running" }
                #expect(again["mainPid"] != web["mainPid"])

                let listed = try await api.ask("GET", "/v1/vms/\(vm)/systemd/services").json["services"]?.array ?? []
                #expect(
                    listed.map { $0["id"] } == ["asleep.service", "prepare.service", "slow.service", "web.service"]
                )
                let stopped = try await api.control(vm, "stop", ["web.service"])
                #expect(stopped.json["services"]?[0]?["activeState"] == "inactive", "\(stopped.text)")
                let started = try await api.control(vm, "start", ["asleep"])
                #expect(started.json["services"]?[0]?["activeState"] == "active", "\(started.text)")
                let gone = try await api.ask("DELETE", "/v1/vms/\(vm)/systemd/services/asleep.service")
                #expect(gone.status == 200 && gone.json["id"] == "asleep.service", "\(gone.text)")
                for (method, path) in [("GET", "asleep/status"), ("GET", "asleep/logs"), ("DELETE", "asleep")] {
                    let missing = try await api.ask(method, "/v1/vms/\(vm)/systemd/services/\(path)")
                    #expect(missing.status == 404 && missing.json["error"] == "NOT_FOUND", "\(missing.text)")
                }
                let unknown = try await api.control(vm, "restart", ["asleep"])
                #expect(unknown.status == 404, "\(unknown.text)")
            }
        }

        @Test func `goes on over a pause and in a fork, and starts with a machine that was stopped`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                let added = try await api.ask(
                    "POST",
                    "/v1/vms/\(vm)/systemd/services",
                    ["name": "web", "exec": ["cat /proc/sys/kernel/random/uuid; exec tail -f /dev/null"]]
                )
                #expect(added.status == 200 && added.json["services"]?[0]?["id"] == "web.service", "\(added.text)")
                let web = try await api.becomes(vm, "web") { $0["subState"] == "running" }
                _ = try await api.run(vm, "echo kept > kept; (tail -f /dev/null) >/dev/null 2>&1 & echo $! > pid")
                _ = try await api.ask("POST", "/v5/vms/\(vm)/pause")
                _ = try await api.ask("POST", "/v5/vms/\(vm)/start")
                #expect(try await api.service(vm, "web") == web)
                let fork = try await api.ask("POST", "/v5/vms/\(vm)/fork").json["vms"]?[0]?["id"]?.string
                let child = try #require(fork)
                #expect(try await api.service(child, "web") == web)
                #expect(try await api.ask("DELETE", "/v5/vms/\(child)").status == 204)

                let stopped = try await api.ask("POST", "/v1/vms/\(vm)/stop")
                #expect(stopped.status == 200 && stopped.json["state"] == "stopped", "\(stopped.text)")
                #expect(try await api.ask("GET", "/v5/vms?state=stopped").json["stoppedCount"] == 1)
                let started = try await api.ask("POST", "/v1/vms/\(vm)/start")
                #expect(started.status == 200 && started.json["state"] == "running", "\(started.text)")
                let anew = try await api.becomes(vm, "web") { $0["subState"] == "running" }
                #expect(anew["mainPid"] != web["mainPid"], "\(anew)")
                // Nothing else runs, and what was written is there.
                let left = try await api.run(vm, "cat kept; kill -0 $(cat pid) || echo gone")
                #expect(left["stdout"] == "kept\ngone\n", "\(left)")
            }
        }

        @Test func `that can not be leaves no machine behind`() async throws {
            let api = try await shared().freestyle()
            @Sendable func create(_ service: JSONValue, _ more: [String: JSONValue] = [:]) async throws
                -> ControlPlane.Answer
            {
                var body: [String: JSONValue] = ["snapshotId": "claude", "systemd": ["services": [service]]]
                body.merge(more) { $1 }
                return try await api.ask("POST", "/v1/vms", .object(body))
            }
            try await Installation.slots.withPermit {
                let failed = try await create(["name": "a", "exec": ["exit 3"], "readySignal": true])
                #expect(failed.status == 400 && failed.message.contains("status 3"), "\(failed.text)")
                let late = try await create(
                    ["name": "a", "exec": ["exec tail -f /dev/null"], "readySignal": true],
                    ["readySignalTimeoutSeconds": 0.2]
                )
                #expect(late.status == 408 && late.json["error"] == "TIMEOUT", "\(late.text)")
                #expect(try await create(["name": "a b", "exec": ["true"]]).status == 400)
                #expect(try await create(["name": "a", "exec": ["true"], "mode": "forking"]).status == 400)
                #expect(try await api.ask("GET", "/v1/vms").json["totalCount"] == 0)
            }
        }
    }
}

extension FreestyleAPI {
    /// The same as ``withVM(_:_:)`` in the guide's version.
    fileprivate func withFirstVM(
        _ members: [String: JSONValue],
        _ body: @Sendable @escaping (String) async throws -> Void
    ) async throws {
        var all: [String: JSONValue] = ["snapshotId": "claude"]
        all.merge(members) { $1 }
        let request = JSONValue.object(all)
        try await Installation.slots.withPermit { [self] in
            let made = try await ask("POST", "/v1/vms", request)
            try #require(made.status == 200, "\(made.text)")
            let id = try #require(made.json["vmId"]?.string)
            let result = await Task { try await body(id) }.result
            _ = try await ask("DELETE", "/v1/vms/\(id)")
            try result.get()
        }
    }

    fileprivate func service(_ vm: String, _ name: String) async throws -> JSONValue {
        let answer = try await ask("GET", "/v1/vms/\(vm)/systemd/services/\(name)/status")
        try #require(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    fileprivate func control(_ vm: String, _ verb: String, _ names: [String]) async throws -> ControlPlane.Answer {
        let services = JSONValue.array(names.map { ["id": .string($0)] })
        return try await ask("POST", "/v1/vms/\(vm)/systemd/\(verb)", ["services": services])
    }

    fileprivate func becomes(
        _ vm: String,
        _ name: String,
        _ isThere: @Sendable @escaping (JSONValue) -> Bool
    ) async throws -> JSONValue {
        try await retrying(every: .milliseconds(50), for: .seconds(60)) {
            // As a document, nil is a value, too.
            let status: JSONValue? = try await service(vm, name)
            return status.flatMap { isThere($0) ? status : Optional.none }
        }
    }

    /// Waits until a service has written lines, and gives them with what is known of each.
    fileprivate func wrote(_ vm: String, _ name: String, _ lines: [String]) async throws -> [JSONValue] {
        try await retrying(every: .milliseconds(50), for: .seconds(60)) {
            let answer = try await ask("GET", "/v1/vms/\(vm)/systemd/services/\(name)/logs?lines=10&since=0")
            try #require(answer.status == 200, "\(answer.text)")
            let all = answer.json["logs"]?.array ?? []
            let wanted = lines.compactMap { line in all.first { $0["message"] == .string(line) } }
            return wanted.count == lines.count ? wanted : Optional.none
        }
    }
}
