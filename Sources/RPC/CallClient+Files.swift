import HTTP
import Wire

/// Files of a sandbox, whole.
extension CallClient {
    /// Writes a file, and makes the directories that it needs.
    package func write(_ bytes: [UInt8], toFile path: String, user: String? = nil) async throws {
        var head = RequestHead(method: "POST", target: Self.target(path, user), headers: headers)
        head.headers["Content-Type"] = "application/octet-stream"
        let answer = try await http.send(head, body: .bytes(bytes), limit: 65_536)
        guard answer.head.status == 200 else { throw CallError(answer: answer.head, answer.body) }
    }

    /// Reads a file of at most `limit` bytes.
    package func read(file path: String, user: String? = nil, limit: Int = 64 * 1024 * 1024) async throws -> [UInt8] {
        let head = RequestHead(method: "GET", target: Self.target(path, user), headers: headers)
        let answer = try await http.send(head, limit: limit)
        guard answer.head.status == 200 else { throw CallError(answer: answer.head, answer.body) }
        return answer.body
    }

    private static func target(_ path: String, _ user: String?) -> String {
        let query = user.map { "&username=\(PercentEncoding.encode($0))" } ?? ""
        return "/files?path=\(PercentEncoding.encode(path))\(query)"
    }
}
