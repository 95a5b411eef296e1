import Egress
import MCPGateway
import TLS
import Wire

/// The MCP servers outside that an agent is given, checked as far as it can be without asking them.
///
///     {"NAME": {"url": "https://…", "headers": {"FIELD": "VALUE"}}}       a server by the streamable HTTP transport
///     {"NAME": {"command": "…", "args": […], "env": {…}, "cwd": "…"}}     a program of this host
///
/// each perhaps with `tools`, the only ones that may be used, and `timeout`, the seconds that an answer may take. In values of
/// fields and variables, and behind the host of an address, `${secret:NAME}` stands for a secret that the agent never has.
package struct UpstreamPlans: Sendable {
    /// Servers that can not be offered.
    package struct Invalid: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    private static let most = 32
    private static let members: Set<String> = [
        "url", "headers", "command", "args", "env", "cwd", "tools", "timeout", "type",
    ]

    let plans: [ServerPlan]

    /// Reads what may stand in a file for Claude Code: servers by name, perhaps below `mcpServers`.
    ///
    /// - Parameter reserved: the names that no server may have.
    package init(_ document: JSONValue, reserved: Set<String>) throws(Invalid) {
        guard let servers = (document["mcpServers"] ?? document).object else {
            throw Invalid(description: "The MCP servers are no object with a member for each of them")
        }
        guard servers.count <= Self.most else {
            throw Invalid(description: "There are more than \(Self.most) MCP servers")
        }
        for (name, value) in servers {
            guard (1...48).contains(name.utf8.count), name.utf8.allSatisfy(Self.isNamePart), !reserved.contains(name)
            else {
                throw Invalid(
                    description: "'\(name)' is no name for an MCP server: use letters, digits, '-' and '_', and not "
                        + reserved.sorted().map { "'\($0)'" }.joined(separator: " or ")
                )
            }
            guard let members = value.object, (members["url"]?.string != nil) != (members["command"]?.string != nil)
            else { throw Invalid(description: "The MCP server '\(name)' needs either a 'url' or a 'command'") }
            guard members["type"].map({ ["http", "streamable-http", "stdio"].contains($0) }) ?? true else {
                throw Invalid(
                    description: "The MCP server '\(name)' has a 'type' that is not spoken here: use http or stdio"
                )
            }
            if let unknown = members.keys.sorted().first(where: { !Self.members.contains($0) }) {
                throw Invalid(description: "The MCP server '\(name)' has '\(unknown)', which means nothing here")
            }
        }
        do {
            plans = try GatewayConfiguration(parsing: JSONValue.object(servers).text(), .empty).plans
        } catch {
            throw Invalid(description: "\(error)")
        }
        for plan in plans { try Self.check(plan) }
    }

    private static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    private static func check(_ plan: ServerPlan) throws(Invalid) {
        let values: [String: String]
        switch plan.way {
        case .http(let url, let headers):
            guard UpstreamAddress(url) != nil else {
                throw Invalid(
                    description: "The MCP server '\(plan.name)' has no address that begins with http:// or https://"
                )
            }
            // A key that everyone on the way could read is none.
            let isOpen = url.lowercased().hasPrefix("http://") && !isLoopback(url)
            if isOpen, !secrets(of: plan).isEmpty {
                throw Invalid(description: "The MCP server '\(plan.name)' is sent a secret, which needs https://")
            }
            values = headers
        case .program(let command, let environment, _):
            // Everyone on this host can read what a program is started with.
            guard !command.contains(where: { $0.contains("${secret:") }) else {
                throw Invalid(
                    description: "The MCP server '\(plan.name)' has a secret in its arguments; put it into 'env'"
                )
            }
            values = environment
        }
        for (name, text) in values where !isSendable(text) || name.isEmpty || !name.utf8.allSatisfy(isNamePart) {
            throw Invalid(
                description:
                    "The MCP server '\(plan.name)' has a '\(name)' that can not be sent: its value has a control "
                    + "character, or a secret without a name"
            )
        }
    }

    /// A placeholder is something that a sandbox writes itself.
    private static func isSendable(_ text: String) -> Bool { HeaderValue(text).map { $0.placeholder == nil } ?? false }

    private static func isLoopback(_ url: String) -> Bool {
        UpstreamAddress(url).map { $0.endpoint.host == "localhost" || $0.endpoint.host.hasPrefix("127.") } ?? false
    }

    private static func secrets(of plan: ServerPlan) -> Set<String> {
        let texts: [String] =
            switch plan.way {
            case .http(let url, let headers): [url] + headers.values
            case .program(_, let environment, _): Array(environment.values)
            }
        return texts.reduce(into: []) { $0.formUnion(HeaderValue($1)?.secrets ?? []) }
    }

    package var names: [String] { plans.map(\.name) }

    /// The secrets that they name.
    package var secrets: Set<String> { plans.reduce(into: []) { $0.formUnion(Self.secrets(of: $1)) } }

    /// Whether some are programs, which run as this host's user.
    package var hasPrograms: Bool {
        plans.contains { if case .program = $0.way { true } else { false } }
    }
}

/// Where a server is: what is connected to, and what is asked for there.
struct UpstreamAddress: Sendable, Hashable {
    let endpoint: Endpoint
    /// Path and query, perhaps with names of secrets in them.
    let target: String

    init?(_ url: String) {
        guard let mark = url.firstRange(of: "://") else { return nil }
        let rest = url[mark.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let endpoint = Endpoint(url: String(url[..<end])), let value = HeaderValue(String(rest[end...])),
            value.placeholder == nil
        else {
            return nil
        }
        self.endpoint = endpoint
        let target = String(rest[end...])
        self.target = target.hasPrefix("/") ? target : "/\(target)"
        guard Self.isSendable(self.target) else { return nil }
    }

    /// Whether a request can be for this, which may be a target with its secrets in it.
    static func isSendable(_ target: String) -> Bool {
        target.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x23 }
    }
}
