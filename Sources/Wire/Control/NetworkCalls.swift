import FoundationEssentials

/// Something that a sandbox tried to reach, and what came of it.
public struct NetworkEvent: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable, Hashable, CaseIterable {
        /// A name was looked up.
        case question
        /// A connection was tried; allowed, `unreachable`, `ended` or `cut` follows.
        case connection
        /// A rule set fields in a request; the reason names it.
        case changed
        /// A request went out with a secret's placeholder in it, because no rule lets the secret go there; the reason names it.
        case misplaced
        /// It was allowed, and nobody was there.
        case unreachable
        case ended
        /// It was allowed, and ended because what passed, or a new policy, was not.
        case cut
    }

    /// From 1, without gaps; a gap is what was dropped because too much came.
    public var sequence: UInt64
    public var time: Date
    public var kind: Kind
    public var name: String?
    public var address: String?
    public var port: UInt16?
    public var isAllowed: Bool
    /// What decided: a rule by its name, the default, or the platform and why.
    public var reason: String
    /// Bytes that left the sandbox, when it is over.
    public var sent: Int?
    public var received: Int?
    /// Why nobody was there.
    public var error: String?

    public init(sequence: UInt64, time: Date, kind: Kind, isAllowed: Bool, reason: String) {
        self.sequence = sequence
        self.time = time
        self.kind = kind
        self.isAllowed = isAllowed
        self.reason = reason
    }
}

/// All that went to one place, or was kept from it.
public struct NetworkUse: Codable, Sendable, Hashable {
    /// The name that decided, else the address.
    public var host: String
    /// Nil for a name that was only looked up.
    public var port: UInt16?
    public var isAllowed: Bool
    public var reason: String
    /// Connections, or questions where there was no connection.
    public var count: Int
    public var sent: Int
    public var received: Int

    public init(host: String, port: UInt16?, isAllowed: Bool, reason: String) {
        self.host = host
        self.port = port
        self.isAllowed = isAllowed
        self.reason = reason
        count = 0
        sent = 0
        received = 0
    }
}

/// What a sandbox may reach.
public struct NetworkPolicy: Codable, Sendable, Hashable {
    /// Names, `*.` names, addresses, ranges, each perhaps with `:port`.
    public var allow: [String]
    public var deny: [String]
    /// Whether what is in neither list is allowed.
    public var allowsOthers: Bool
    /// The rules about fields of requests, in words and without their values; nil for none.
    public var headers: [String]?
    /// The repositories that git may use, with what it may push and the names of secrets; nil for none.
    public var git: [String]?

    public init(
        allow: [String],
        deny: [String],
        allowsOthers: Bool,
        headers: [String]? = nil,
        git: [String]? = nil
    ) {
        self.allow = allow
        self.deny = deny
        self.allowsOthers = allowsOthers
        self.headers = headers
        self.git = git
    }
}

/// Reads what a sandbox tried to reach lately, the oldest first, and what it may reach.
public enum ReadSandboxNetwork: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/Network"

    public struct Request: Codable, Sendable, Hashable {
        public static let limit = 1000

        public var id: String
        /// Only events with a higher sequence.
        public var after: UInt64

        public init(id: String, after: UInt64 = 0) {
            self.id = id
            self.after = after
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var policy: NetworkPolicy
        public var events: [NetworkEvent]

        public init(policy: NetworkPolicy, events: [NetworkEvent]) {
            self.policy = policy
            self.events = events
        }
    }
}

/// Changes what a sandbox may reach, at once and for all that it has open; what was there before is replaced.
public enum SetSandboxNetwork: UnaryCall {
    public static let name = "martlet.v1.Sandboxes/SetNetwork"
    public typealias Response = NetworkPolicy

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        /// As in ``CreateSandbox``; both empty is the installation's default.
        public var allow: [String]
        public var deny: [String]
        /// As in ``CreateSandbox``; nil leaves the rules that there are.
        public var headers: [String]?
        /// As in ``CreateSandbox``; nil leaves the rules that there are.
        public var git: [String]?

        public init(id: String, allow: [String], deny: [String], headers: [String]? = nil, git: [String]? = nil) {
            self.id = id
            self.allow = allow
            self.deny = deny
            self.headers = headers
            self.git = git
        }
    }
}
