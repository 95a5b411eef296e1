/// A server to connect to, as a URL names it.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package enum Scheme: String, Sendable, Hashable {
        case http, https
    }

    package let scheme: Scheme
    package let host: String
    package let port: UInt16
    /// Without a slash at its end; empty for the root.
    package let pathPrefix: String

    /// Reads `scheme://host[:port][/path]`; nil for anything else. A user and password are no part of it.
    package init?(url: String) {
        guard let mark = url.firstRange(of: "://"), let scheme = Scheme(rawValue: url[..<mark.lowerBound].lowercased())
        else { return nil }
        var rest = url[mark.upperBound...]
        var path = rest.firstIndex(of: "/").map { String(rest[$0...]) } ?? ""
        rest = rest.prefix { $0 != "/" }
        while path.hasSuffix("/") { path.removeLast() }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !parts[0].isEmpty, !path.contains("?"), !path.contains("#"),
            (String(parts[0]) + path).utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
            parts[0].allSatisfy({ !"@?#".contains($0) })
        else { return nil }
        if parts.count == 2 {
            guard let port = UInt16(parts[1]), port > 0 else { return nil }
            self.port = port
        } else {
            port = scheme == .https ? 443 : 80
        }
        self.scheme = scheme
        host = String(parts[0])
        pathPrefix = path
    }

    /// As a `Host` field names it.
    package var authority: String {
        let standard: UInt16 = scheme == .https ? 443 : 80
        return port == standard ? host : "\(host):\(port)"
    }

    package var description: String { "\(scheme.rawValue)://\(authority)\(pathPrefix)" }
}
