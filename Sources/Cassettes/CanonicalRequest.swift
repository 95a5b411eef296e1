import Linux
import TLS
import Wire

/// A request without what differs from run to run: what a recording is found by.
package struct CanonicalRequest: Sendable, Hashable {
    package let method: String
    package let path: String
    package let body: JSONValue
    /// The hash of all of it.
    package let key: String

    /// Members that say who asks and how much may be answered, not what is asked.
    private static let ignored: Set<String> = ["metadata", "max_tokens"]
    /// Marks in any part of a request that only the price depends on.
    private static let hints: Set<String> = ["cache_control"]

    /// - Parameter body: as it is kept, without secrets.
    package init(method: String, path: String, body: JSONValue) {
        self.method = method
        self.path = path
        var members = body.object ?? [:]
        for name in Self.ignored { members.removeValue(forKey: name) }
        self.body = body.object == nil ? Self.canonical(body) : Self.canonical(.object(members))
        let text = Array("\(method) \(path)\n".utf8) + self.body.encoded()
        key = Random.hex(Digest.sha256(text))
    }

    private static func canonical(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool, .integer, .number: return value
        case .string(let text): return .string(Volatile.masked(withoutVersion(text)))
        case .array(let elements): return .array(elements.map(canonical))
        case .object(let members):
            var kept: [String: JSONValue] = [:]
            for (name, member) in members where !hints.contains(name) { kept[name] = canonical(member) }
            return .object(kept)
        }
    }

    /// Claude Code's first block of system text names its build, with a checksum of the conversation.
    private static func withoutVersion(_ text: String) -> String {
        text.hasPrefix("x-anthropic-billing-header:") ? "x-anthropic-billing-header" : text
    }
}
