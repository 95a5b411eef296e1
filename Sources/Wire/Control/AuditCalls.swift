import FoundationEssentials

/// A line of a sandbox's audit log.
public struct AuditLine: Codable, Sendable, Hashable {
    /// 1 for the first.
    public var number: Int
    /// In UTC, RFC 3339.
    public var time: String
    /// Such as `sandbox.created`, `egress.connection` or `api.request`.
    public var event: String
    public var facts: [String: JSONValue]
    public var hash: String

    public init(number: Int, time: String, event: String, facts: [String: JSONValue], hash: String) {
        self.number = number
        self.time = time
        self.event = event
        self.facts = facts
        self.hash = hash
    }
}

/// Reads the audit log of a sandbox, also of one that has ended; refused, with the line, when it is not as it was written.
public enum ReadSandboxAudit: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Audit"

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// Only lines with a higher number.
        public var after: Int

        public init(id: String, after: Int = 0) {
            self.id = id
            self.after = after
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public static let limit = 2000
        public var lines: [AuditLine]
        public init(lines: [AuditLine]) { self.lines = lines }
    }
}
