import FoundationEssentials
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// Freestyle's API, asked over TCP as its clients ask it.
struct FreestyleAPI: Sendable {
    let plane: ControlPlane
    let key: String?

    func ask(_ method: String, _ target: String, _ body: JSONValue? = nil, _ headers: Headers = [:]) async throws
        -> ControlPlane.Answer
    {
        try await ask(method, target, text: body?.text(), headers)
    }

    func ask(_ method: String, _ target: String, text: String?, _ headers: Headers = [:]) async throws
        -> ControlPlane.Answer
    {
        var headers = headers
        if let key { headers["Authorization"] = "Bearer \(key)" }
        return try await plane.ask(method, target, text, headers)
    }

    /// Makes a machine, hands its id to `body`, and ends it unless that was done.
    func withVM(
        _ members: [String: JSONValue] = [:],
        _ body: @Sendable @escaping (String) async throws -> Void
    ) async throws {
        var all: [String: JSONValue] = ["snapshotId": "claude", "firewall": ["rules": []]]
        all.merge(members) { $1 }
        let request = JSONValue.object(all)
        try await Installation.slots.withPermit { [self] in
            let made = try await ask("POST", "/v5/vms", request)
            try #require(made.status == 201, "\(made.text)")
            let id = try #require(made.json["id"]?.string)
            let result = await Task { try await body(id) }.result
            _ = try await ask("DELETE", "/v5/vms/\(id)")
            try result.get()
        }
    }

    func run(_ vm: String, _ command: String, _ members: [String: JSONValue] = [:]) async throws -> JSONValue {
        var all = members
        all["command"] = .string(command)
        let answer = try await ask("POST", "/v5/vms/\(vm)/exec-await", .object(all))
        try #require(answer.status == 200, "\(answer.text)")
        return answer.json
    }
}

extension Installation {
    /// Freestyle's API with a key of an owner that nobody else is.
    func freestyle() async throws -> FreestyleAPI {
        let made = try await client.call(CreateKey.self, .init(name: "test", owner: "o\(Random.name(12))"))
        return FreestyleAPI(plane: ControlPlane(port: try port(of: daemonID)), key: made.key)
    }
}
