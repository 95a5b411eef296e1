import FoundationEssentials
import Glibc
import HTTP
import Linux
import RPC
import Wire

/// A Martlet daemon: on this machine for this user, or one that a URL names.
///
/// Most programs need none by name: ``Sandbox/create(_:environment:metadata:lifetime:on:)`` and its siblings find it by the same
/// variables as the command line, `MARTLET_API_URL`, `MARTLET_API_KEY` and `MARTLET_HOME`.
public struct Daemon: Sendable {
    let client: CallClient

    /// The one that the environment names; without a word in it, this user's own.
    public static var current: Daemon {
        get throws {
            let variables = ProcessInfo.processInfo.environment.filter { !$0.value.isEmpty }
            if let url = variables["MARTLET_API_URL"] { return try Daemon(url: url, key: variables["MARTLET_API_KEY"]) }
            guard let home = variables["MARTLET_HOME"] ?? variables["HOME"].map({ "\($0)/.martlet" }) else {
                throw MartletError(.daemonUnreachable, "Neither MARTLET_API_URL, MARTLET_HOME nor HOME is set")
            }
            return Daemon(home: home)
        }
    }

    /// The daemon of this user whose state is in `home`; it must run.
    public init(home: String) {
        let http = HTTPClient { try await Channel.connect(to: .unix("\(home)/martlet.sock")) }
        client = CallClient(http: http, headers: ["Host": "martlet"])
    }

    /// A daemon that listens at `url`, such as `http://127.0.0.1:3000`.
    public init(url: String, key: String?) throws {
        let rest = url.hasPrefix("http://") ? url.dropFirst(7).drop { $0 == "/" }.prefix { $0 != "/" } : ""
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        var address = in_addr()
        let host = parts.first.map { $0 == "localhost" ? "127.0.0.1" : String($0) } ?? ""
        guard (1...2).contains(parts.count), let port = parts.count == 2 ? UInt16(parts[1]) : 80,
            inet_pton(AF_INET, host, &address) == 1
        else {
            throw MartletError(.invalidRequest, "'\(url)' is no URL of a daemon, which is like 'http://127.0.0.1:3000'")
        }
        var headers: Headers = ["Host": "\(host):\(port)"]
        headers["X-API-Key"] = key
        client = CallClient(http: HTTPClient { try await Channel.connect(to: .tcp(host, port)) }, headers: headers)
    }

    /// Makes a call, and tells a failure in the library's own terms.
    func call<Call: UnaryCall>(_ call: Call.Type, _ request: Call.Request) async throws -> Call.Response {
        try await Self.telling { try await client.call(call, request) }
    }

    static func telling<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as CallError {
            let code: MartletError.Code =
                switch error.code {
                case .notFound: .notFound
                case .invalidArgument, .failedPrecondition, .outOfRange: .invalidRequest
                case .unauthenticated: .daemonUnreachable
                default: .failed
                }
            throw MartletError(code, error.message)
        } catch let error as LinuxError where [.notFound, .refused].contains(error.code) {
            throw MartletError(
                .daemonUnreachable,
                "No Martlet daemon answers; 'martlet serve' starts one",
                cause: error
            )
        }
    }
}
