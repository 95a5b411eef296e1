import FoundationEssentials
import HTTP
import RPC
import Wire

extension GuestLink {
    /// Reads a file of the guest, whole or a part of it, and gives the answer to `handle` as soon as its head is there.
    ///
    /// - Parameters:
    ///   - range: as in the `Range` field; the answer then has status 206 or 416.
    ///   - user: nil is the guest's default user.
    package func withFile<Result: Sendable>(
        _ path: String,
        range: String? = nil,
        user: String?,
        _ handle: @Sendable @escaping (HTTPClient.Response) async throws -> Result
    ) async throws -> Result {
        var head = fileRequest("GET", "/files", path: path, user: user)
        head.headers["Accept-Encoding"] = "identity"
        head.headers["Range"] = range
        return try await http.withResponse(to: head) { response in
            guard [200, 206, 416].contains(response.head.status) else {
                throw Self.refusal(response.head, try await response.body.collect(limit: 65_536))
            }
            return try await handle(response)
        }
    }

    /// Writes a file of the guest from what `write` writes; what was there is gone as soon as that begins.
    package func writeFile(
        to path: String,
        user: String?,
        length: Int? = nil,
        _ write: @Sendable @escaping (BodyWriter) async throws -> Void
    ) async throws {
        var head = fileRequest("POST", "/files", path: path, user: user)
        head.headers["Content-Type"] = "application/octet-stream"
        let answer = try await http.send(head, body: .stream(length: length, write), limit: 65_536)
        guard answer.head.status < 300 else { throw Self.refusal(answer.head, answer.body) }
    }

    /// Gives a file the place and the rights of another, at once.
    package func placeFile(_ placement: FilePlacement, user: String?) async throws {
        try await post(GuestProtocol.placePath, JSONEncoder().encode(placement), path: placement.destination, user)
    }

    /// Makes one file out of several, which are gone afterwards.
    package func composeFile(from parts: [String], to path: String, user: String?) async throws {
        let body: JSONValue = ["source_paths": .array(parts.map { .string($0) }), "destination": .string(path)]
        try await post("/files/compose", Data(body.encoded()), path: path, user)
    }

    private func post(_ endpoint: String, _ body: Data, path: String, _ user: String?) async throws {
        var head = fileRequest("POST", endpoint, path: path, user: user)
        head.headers["Content-Type"] = "application/json"
        let answer = try await http.send(head, body: .bytes(Array(body)), limit: 65_536)
        guard answer.head.status < 300 else { throw Self.refusal(answer.head, answer.body) }
    }

    /// The variables that each program of the guest gets.
    package func variables() async throws -> [String: String] {
        let head = RequestHead(method: "GET", target: "/envs", headers: calls.headers)
        let answer = try await http.send(head, limit: 4 << 20)
        guard answer.head.status == 200 else { throw Self.refusal(answer.head, answer.body) }
        return try JSONDecoder().decode([String: String].self, from: Data(answer.body))
    }

    /// Makes a streaming call as a user of the guest.
    package func stream<Call: StreamingCall, Result: Sendable>(
        _ call: Call.Type,
        _ request: Call.Request,
        user: String?,
        _ handle: @Sendable @escaping (inout MessageReader<Call.Event>) async throws -> Result
    ) async throws -> Result {
        var headers: Headers = [:]
        if let user { headers["Authorization"] = "Basic \(Data("\(user):".utf8).base64EncodedString())" }
        return try await calls.stream(call, request, headers: headers, handle)
    }

    private func fileRequest(_ method: String, _ endpoint: String, path: String, user: String?) -> RequestHead {
        var target = "\(endpoint)?path=\(PercentEncoding.encode(path))"
        if let user { target += "&username=\(PercentEncoding.encode(user))" }
        return RequestHead(method: method, target: target, headers: calls.headers)
    }

    private static func refusal(_ head: ResponseHead, _ body: [UInt8]) -> CallError {
        let words = (try? JSONValue(parsing: body))?["message"]?.string
        return CallError(
            // A full disk.
            head.status == 507 ? .resourceExhausted : CallError.code(forStatus: head.status),
            words ?? "The guest answered with status \(head.status)"
        )
    }
}
