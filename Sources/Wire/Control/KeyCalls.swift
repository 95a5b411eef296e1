import FoundationEssentials

/// What the models may cost that the sandboxes and runs of one key use; nil is no limit.
public struct KeyBudget: Codable, Sendable, Hashable {
    public var maxCostUSD: Double?
    public var maxTokens: Int?
    /// On each day of UTC.
    public var maxCostPerDayUSD: Double?
    public var maxTokensPerDay: Int?

    public init(
        maxCostUSD: Double? = nil,
        maxTokens: Int? = nil,
        maxCostPerDayUSD: Double? = nil,
        maxTokensPerDay: Int? = nil
    ) {
        self.maxCostUSD = maxCostUSD
        self.maxTokens = maxTokens
        self.maxCostPerDayUSD = maxCostPerDayUSD
        self.maxTokensPerDay = maxTokensPerDay
    }

    public var isUnlimited: Bool { self == KeyBudget() }
}

/// A key of this installation; the key itself is known to whoever made it alone.
public struct KeyInfo: Codable, Sendable, Hashable {
    public var id: String
    public var owner: String
    public var name: String
    /// Such as `e2b_1a…9f3c`.
    public var mask: String
    public var created: Date
    /// Nil when it was never used.
    public var lastUsed: Date?
    public var budget: KeyBudget?

    public init(
        id: String,
        owner: String,
        name: String,
        mask: String,
        created: Date,
        lastUsed: Date?,
        budget: KeyBudget? = nil
    ) {
        self.id = id
        self.owner = owner
        self.name = name
        self.mask = mask
        self.created = created
        self.lastUsed = lastUsed
        self.budget = budget
    }
}

/// Makes a key. An owner exists as long as it has one; owners do not see each other's sandboxes.
public enum CreateKey: UnaryCall {
    public static let name = "martlet.v1.Keys/Create"

    public struct Request: Codable, Sendable, Hashable {
        public var name: String
        /// Nil is the installation's own owner.
        public var owner: String?
        /// Nil limits nothing.
        public var budget: KeyBudget?

        public init(name: String, owner: String? = nil, budget: KeyBudget? = nil) {
            self.name = name
            self.owner = owner
            self.budget = budget
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var info: KeyInfo
        /// The key, to be read here and nowhere else.
        public var key: String

        public init(info: KeyInfo, key: String) {
            self.info = info
            self.key = key
        }
    }
}

/// Lists the keys of all owners, the oldest first.
public enum ListKeys: UnaryCall {
    public static let name = "martlet.v1.Keys/List"
    public typealias Request = Empty

    public struct Response: Codable, Sendable, Hashable {
        public var keys: [KeyInfo]
        public init(keys: [KeyInfo]) { self.keys = keys }
    }
}

/// Takes a key away; from now on it opens nothing.
public enum RemoveKey: UnaryCall {
    public static let name = "martlet.v1.Keys/Remove"
    public typealias Response = Empty

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        public init(id: String) { self.id = id }
    }
}

/// Sets what a key may spend, all of it anew; what it has spent already counts.
public enum SetKeyBudget: UnaryCall {
    public static let name = "martlet.v1.Keys/SetBudget"
    public typealias Response = KeyInfo

    public struct Request: Codable, Sendable, Hashable {
        public var id: String
        public var budget: KeyBudget

        public init(id: String, budget: KeyBudget) {
            self.id = id
            self.budget = budget
        }
    }
}
