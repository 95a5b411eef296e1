import FoundationEssentials

/// What model requests are counted together by.
public enum UsageGrouping: String, Codable, Sendable, Hashable, CaseIterable {
    /// A day of UTC.
    case day
    case key
    case run
    case model
    case sandbox
}

/// What several model requests came to.
public struct UsageSum: Codable, Sendable, Hashable {
    /// The day, or the id of what they are counted by; nil for those that have none, as requests outside of runs have no run.
    public var group: String?
    /// What people call it, where that is something else.
    public var name: String?
    public var requests = 0
    public var inputTokens = 0
    public var outputTokens = 0
    public var cacheReadTokens = 0
    public var cacheCreationTokens = 0
    /// Dollars, at known prices.
    public var costUSD = 0.0
    /// Whether each of the requests had a known price; else ``costUSD`` is a lower bound.
    public var isCostKnown = true
    /// When the last of them ended.
    public var last: Date?

    public init() {}

    public var totalTokens: Int { inputTokens + outputTokens + cacheReadTokens + cacheCreationTokens }
}

/// Tells what the models have cost.
public enum GetUsage: UnaryCall {
    public static let name = "martlet.v1.Usage/Get"

    public struct Request: Codable, Sendable, Hashable {
        public var by: UsageGrouping
        /// Nil counts from the beginning.
        public var since: Date?

        public init(by: UsageGrouping, since: Date? = nil) {
            self.by = by
            self.since = since
        }
    }

    public struct Response: Codable, Sendable, Hashable {
        public var by: UsageGrouping
        public var sums: [UsageSum]
        public var total: UsageSum

        public init(by: UsageGrouping, sums: [UsageSum], total: UsageSum) {
            self.by = by
            self.sums = sums
            self.total = total
        }
    }
}
