import FoundationEssentials
import HTTP
import Linux
import RPC
import Records
import Testing
import Wire

/// E2B's control plane, asked over TCP as its clients ask it.
struct ControlPlane: Sendable {
    struct Answer: Sendable {
        let status: Int
        let headers: Headers
        let body: [UInt8]

        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        var message: String { json["message"]?.string ?? "" }
        var text: String { String(decoding: body, as: UTF8.self) }
    }

    let port: UInt16
    var key: String?

    func ask(
        _ method: String,
        _ target: String,
        _ body: String? = nil,
        _ headers: Headers = [:]
    ) async throws -> Answer {
        let port = port
        let http = HTTPClient(idleLimit: 0) { try await Channel.connect(to: .loopback(port)) }
        var head = RequestHead(method: method, target: target, headers: headers)
        head.headers["Host"] = "127.0.0.1:\(port)"
        if let key { head.headers["X-API-KEY"] = key }
        if body != nil, head.headers["Content-Type"] == nil { head.headers["Content-Type"] = "application/json" }
        let request = head
        let answer = try await withDeadline(.seconds(60)) {
            try await http.send(request, body: body.map { .bytes(Array($0.utf8)) } ?? .none)
        }
        return Answer(status: answer.head.status, headers: answer.head.headers, body: answer.body)
    }

    /// Makes a sandbox of the second version of the API and gives its id; `members` follow the template in the request.
    func create(_ members: String = "", version: String = "/v2") async throws -> String {
        let rest = members.isEmpty ? "" : ",\(members)"
        let made = try await ask("POST", "\(version)/sandboxes", #"{"templateID":"claude"\#(rest)}"#)
        try #require(made.status == 201, "\(made.text)")
        return try #require(made.json["sandboxID"]?.string)
    }

    /// Makes a sandbox, hands its id to `body`, and ends it unless that was done.
    func withSandbox(
        _ members: String = "",
        _ body: @Sendable @escaping (String) async throws -> Void
    ) async throws {
        try await Installation.slots.withPermit { [self] in
            let id = try await create(members)
            let result = await Task { try await body(id) }.result
            _ = try await ask("DELETE", "/sandboxes/\(id)")
            try result.get()
        }
    }

    func info(_ id: String) async throws -> JSONValue {
        let answer = try await ask("GET", "/sandboxes/\(id)")
        try #require(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    /// How long a sandbox has still to live, in seconds.
    func left(_ id: String) async throws -> Double {
        try time(try await info(id), "endAt") - Date().timeIntervalSince1970
    }

    func time(_ document: JSONValue, _ member: String) throws -> Double {
        let text = try #require(document[member]?.string)
        return try Date(text, strategy: .iso8601WithFraction).timeIntervalSince1970
    }

    /// Waits until a sandbox is no more, and gives the time that it took, in seconds.
    func ends(_ id: String) async throws -> Double {
        let begin = ContinuousClock.now
        try await retrying(every: .milliseconds(10), for: .seconds(60)) {
            try await ask("GET", "/sandboxes/\(id)").status == 404 ? () : nil
        }
        return (ContinuousClock.now - begin) / .seconds(1)
    }
}

extension ParseStrategy where Self == Date.ISO8601FormatStyle {
    fileprivate static var iso8601WithFraction: Self { Date.ISO8601FormatStyle(includingFractionalSeconds: true) }
}

extension Installation {
    /// The control plane, with the installation's own key.
    func controlPlane() throws -> ControlPlane {
        let key = String(decoding: try Files.read(home.apiKey), as: UTF8.self)
        return ControlPlane(port: try port(of: daemonID), key: key)
    }

    /// The control plane, with a key of an owner that nobody else is: what it lists is its own.
    func controlPlaneOfItsOwn() async throws -> ControlPlane {
        let made = try await client.call(CreateKey.self, .init(name: "test", owner: "o\(Random.name(12))"))
        return ControlPlane(port: try port(of: daemonID), key: made.key)
    }
}
