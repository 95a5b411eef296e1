import FoundationEssentials

/// What became of a run.
public struct RunReport: Codable, Sendable, Hashable {
    /// One call of the result tool.
    public struct Attempt: Codable, Sendable, Hashable {
        /// 0 for the first session, 1 for the first repair, and so on.
        public var round: Int
        public var arguments: JSONValue
        public var isValid: Bool
        /// What is wrong and where, as the agent was told.
        public var faults: [String]

        public init(round: Int, arguments: JSONValue, isValid: Bool, faults: [String]) {
            self.round = round
            self.arguments = arguments
            self.isValid = isValid
            self.faults = faults
        }
    }

    /// Why there is no usable result.
    public struct Failure: Codable, Sendable, Hashable {
        /// For programs.
        public var code: String
        /// For people: what happened and what to do.
        public var message: String

        public init(code: String, message: String) {
            self.code = code
            self.message = message
        }
    }

    /// Tokens, as the model's own answers count them.
    public struct Usage: Codable, Sendable, Hashable {
        public var requests = 0
        public var inputTokens = 0
        public var outputTokens = 0
        public var cacheReadTokens = 0
        public var cacheCreationTokens = 0

        public init() {}

        /// All tokens that went in or came out.
        public var total: Int { inputTokens + outputTokens + cacheReadTokens + cacheCreationTokens }
    }

    /// Milliseconds.
    public struct Durations: Codable, Sendable, Hashable {
        public var create = 0
        public var copyIn = 0
        public var agent = 0
        public var repair = 0
        public var collect = 0
        public var teardown = 0
        public var total = 0

        public init() {}
    }

    /// A file that was brought out.
    public struct Artifact: Codable, Sendable, Hashable {
        public var path: String
        /// Where it is on the host.
        public var file: String?
        public var bytes: Int?
        /// Why it could not be brought out.
        public var error: String?

        public init(path: String, file: String?, bytes: Int?, error: String?) {
            self.path = path
            self.file = file
            self.bytes = bytes
            self.error = error
        }
    }

    public var id: String
    /// Nil while the run goes on.
    public var outcome: RunOutcome?
    public var result: JSONValue?
    public var attempts: [Attempt] = []
    public var error: Failure?
    public var sessionID: String?
    public var sandboxID: String?
    public var template: String
    /// What stands between the agent and the host: `microvm (kvm)` or `microvm (tcg)`.
    public var isolation: String
    public var model: String?
    public var turns = 0
    public var toolCalls: [String: Int] = [:]
    public var usage = Usage()
    /// Dollars for this run.
    public var costUSD: Double?
    /// Dollars for the agent's whole session, the runs that this one goes on with included.
    public var sessionCostUSD: Double?
    public var durations = Durations()
    public var permissionDenials: [JSONValue] = []
    /// The changes of the working directory, as a git patch.
    public var diff: String?
    public var artifacts: [Artifact] = []
    /// Where the agent's events are, one JSON object a line.
    public var transcript: String?
    /// Whether the sandbox still runs.
    public var kept = false
    public var created: Date
    public var prompt: String
    public var resumedFrom: String?
    /// What was noticed besides, such as a part of the diff that was left out.
    public var warnings: [String] = []

    public init(id: String, template: String, isolation: String, created: Date, prompt: String) {
        self.id = id
        self.template = template
        self.isolation = isolation
        self.created = created
        self.prompt = prompt
    }
}
