import HTTP
import Linux
import RPC
import Wire

/// The daemon, reached over TCP with its key: the way of E2B's clients.
struct NetworkClient: Sendable {
    let url: String
    let port: UInt16
    let key: String
    let http: HTTPClient

    init(url: String, port: UInt16, key: String) {
        self.url = url
        self.port = port
        self.key = key
        http = HTTPClient(idleLimit: 256) { try await Channel.connect(to: .loopback(port)) }
    }

    private var headers: Headers { ["Host": "127.0.0.1:\(port)", "X-API-Key": key] }

    /// Calls what a sandbox's agent answers.
    func agent(of sandbox: SandboxInfo) -> CallClient {
        CallClient(http: http, headers: agentHeaders(of: sandbox))
    }

    func agentHeaders(of sandbox: SandboxInfo) -> Headers {
        var headers = headers
        headers[SandboxHeaders.id] = sandbox.id
        headers[SandboxHeaders.port] = String(GuestProtocol.agentPort)
        return headers
    }

    func get(_ target: String) async throws -> [UInt8] {
        let answer = try await http.send(RequestHead(method: "GET", target: target, headers: headers))
        guard answer.head.status == 200 else {
            throw BenchmarkError("'GET \(target)' was answered \(answer.head.status)")
        }
        return answer.body
    }

    /// What programs find in their environment.
    var variables: [String: String] {
        ["E2B_API_KEY": key, "E2B_API_URL": url, "E2B_SANDBOX_URL": url]
    }
}
