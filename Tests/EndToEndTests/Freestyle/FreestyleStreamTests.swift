import HTTP
import Linux
import Testing
import Wire

extension Martlet {
    /// What the guide's version of the API says as long as somebody listens.
    @Suite struct `a stream of Freestyle's API` {
        @Test func `tells what happens in a machine until it is no more`() async throws {
            let api = try await shared().freestyle()
            try await api.withVM { vm in
                _ = try await api.run(vm, "mkdir -p /home/user/watched/below")
                let watch = "/v1/vms/\(vm)/watch-files"
                let changes = try await api.lines("POST", watch, ["path": "/home/user/watched"]) { line, seen in
                    // It has begun: what is done from now on is told.
                    if line == nil { _ = try await api.run(vm, "cd watched/below; echo x > a; mv a b; rm b") }
                    return seen.contains { $0["type"] == "remove" }
                }
                #expect(changes.contains(["type": "create", "path": "/home/user/watched/below/a", "name": "below/a"]))
                #expect(changes.last?["path"] == "/home/user/watched/below/b", "\(changes)")

                let stats = "/v1/vms/\(vm)/stats/stream?interval_ms=100"
                let samples = try await api.lines("GET", stats, nil) { _, seen in seen.count == 3 }
                #expect(samples.allSatisfy { $0["mem_total"]?.integer ?? 0 > 0 }, "\(samples)")
                #expect(try await api.ask("GET", "/v1/vms/\(vm)/stats/stream?interval_ms=1").status == 400)

                async let end = api.ask("POST", "/v1/vms/\(vm)/await", [:])
                async let told = api.lines("POST", watch, ["path": "/home/user/watched"]) { line, _ in
                    guard line == nil else { return false }
                    return try await api.ask("POST", "/v1/vms/\(vm)/kill", [:]).status != 200
                }
                let ended = try await end.json
                #expect(ended["id"] == .string(vm) && ended["exitStatus"] == "requested", "\(ended)")
                // The stream ends; it does not hang.
                #expect(((try? await told) ?? []).isEmpty)
                #expect(try await api.ask("POST", "/v1/vms/\(vm)/await", [:]).status == 404)
            }
            let me = try await api.ask("GET", "/auth/v1/whoami").json["accountId"]?.string
            #expect(me?.hasPrefix("o") == true)
        }
    }
}

extension FreestyleAPI {
    /// The documents of an answer that goes on, one a line, until `isEnough` says so, or it ends. Called with nil first, when
    /// the answer has begun.
    func lines(
        _ method: String,
        _ target: String,
        _ body: JSONValue?,
        _ isEnough: @Sendable @escaping (_ line: JSONValue?, _ seen: [JSONValue]) async throws -> Bool
    ) async throws -> [JSONValue] {
        let port = plane.port
        let http = HTTPClient(idleLimit: 0) { try await Channel.connect(to: .loopback(port)) }
        var head = RequestHead(method: method, target: target, headers: ["Host": "127.0.0.1:\(port)"])
        head.headers["Authorization"] = "Bearer \(key ?? "")"
        if body != nil { head.headers["Content-Type"] = "application/json" }
        let request = head
        return try await withDeadline(.seconds(120)) {
            try await http.withResponse(to: request, body: body.map { .bytes($0.encoded()) } ?? .none) { answer in
                #expect(answer.head.status == 200)
                var seen: [JSONValue] = []
                if try await isEnough(nil, seen) { return seen }
                var rest: [UInt8] = []
                while true {
                    let piece = try await answer.body.read()
                    if piece.isEmpty { return seen }
                    rest += piece
                    while let end = rest.firstIndex(of: 0x0A) {
                        let line = try JSONValue(parsing: Array(rest[..<end]))
                        rest.removeSubrange(...end)
                        seen.append(line)
                        if try await isEnough(line, seen) { return seen }
                    }
                }
            }
        }
    }
}
