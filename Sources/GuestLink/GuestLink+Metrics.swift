import HTTP
import RPC
import Wire

extension GuestLink {
    /// What the guest says that it uses at this moment, as E2B's envd tells it.
    package func metricsNow() async throws -> JSONValue {
        let head = RequestHead(method: "GET", target: "/metrics", headers: calls.headers)
        let answer = try await http.send(head, limit: 65_536)
        guard answer.head.status == 200, let document = try? JSONValue(parsing: answer.body) else {
            throw CallError(.unavailable, "The guest did not say what it uses")
        }
        return document
    }
}
