import Glibc
import HTTP
import Linux
import RPC
import Records

/// Where the daemon is.
package enum DaemonAddress: Sendable {
    /// This user's own, on this machine.
    case local(Home)
    /// One that `MARTLET_API_URL` names.
    case network(host: String, port: UInt16, key: Secret?)

    package init(_ surroundings: Surroundings) throws(CommandsError) {
        guard let url = surroundings.variable("MARTLET_API_URL") else {
            self = .local(surroundings.home)
            return
        }
        guard let (host, port) = Self.parse(url) else {
            throw CommandsError(
                .unusableInput,
                "MARTLET_API_URL is '\(url)', and must be like 'http://127.0.0.1:3000'; unset it to use the daemon of this user"
            )
        }
        self = .network(host: host, port: port, key: surroundings.variable("MARTLET_API_KEY").map { Secret($0) })
    }

    /// Host and port of a plain HTTP URL without a path.
    static func parse(_ url: String) -> (host: String, port: UInt16)? {
        guard url.lowercased().hasPrefix("http://") else { return nil }
        var rest = url.dropFirst("http://".count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let host = parts.first, !host.isEmpty,
            host.utf8.allSatisfy({ byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x2D || byte == 0x2E
            })
        else { return nil }
        guard parts.count == 2 else { return (String(host), 80) }
        guard let port = UInt16(parts[1]), port > 0 else { return nil }
        return (String(host), port)
    }

    package var isLocal: Bool { if case .local = self { true } else { false } }

    /// As an error names it.
    package var text: String {
        switch self {
        case .local(let home): home.socket
        case .network(let host, let port, _): "http://\(host):\(port)"
        }
    }

    /// A client that connects with its first call.
    func client() -> CallClient {
        switch self {
        case .local(let home):
            let http = HTTPClient { try await Channel.connect(to: .unix(home.socket)) }
            return CallClient(http: http, headers: ["Host": "martlet"])
        case .network(let host, let port, let key):
            let http = HTTPClient { try await Channel.connect(to: .tcp(try await Self.resolve(host), port)) }
            var headers: Headers = ["Host": "\(host):\(port)"]
            key?.exposed { headers["X-API-Key"] = $0 }
            return CallClient(http: http, headers: headers)
        }
    }

    /// The first IPv4 address of a host.
    private static func resolve(_ host: String) async throws -> String {
        var parsed = in_addr()
        if inet_pton(AF_INET, host, &parsed) == 1 { return host }
        return try await BlockingPool.run {
            var hints = addrinfo()
            hints.ai_family = AF_INET
            var list: UnsafeMutablePointer<addrinfo>?
            let failure = getaddrinfo(host, nil, &hints, &list)
            defer { if let list { freeaddrinfo(list) } }
            guard failure == 0, let first = list?.pointee.ai_addr else {
                let reason = failure == 0 ? "it has no IPv4 address" : String(cString: gai_strerror(failure))
                throw CommandsError(
                    .daemonUnreachable,
                    "The host '\(host)' of MARTLET_API_URL was not found: \(reason)"
                )
            }
            var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
            first.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                var number = address.pointee.sin_addr
                inet_ntop(AF_INET, &number, &text, socklen_t(INET_ADDRSTRLEN))
            }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
