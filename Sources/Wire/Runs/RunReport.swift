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
        /// Until the first request to the model, of all that time; nil when there was none.
        public var firstRequest: Int?

        public init() {}
    }

    /// One of several agents that worked on the same task.
    public struct Candidate: Codable, Sendable, Hashable {
        /// The id of its own run, which has its own report.
        public var run: String
        public var outcome: RunOutcome?
        /// What the judge made of it.
        public var score: Double?
        /// The judge's last words about it.
        public var judgement: String?
        public var isWinner: Bool
        public var turns: Int
        /// Results that were handed over.
        public var attempts: Int
        public var tokens: Int
        public var costUSD: Double?
        public var milliseconds: Int
        public var error: Failure?

        public init(_ report: RunReport) {
            run = report.id
            outcome = report.outcome
            score = report.score
            judgement = report.judgement
            isWinner = false
            turns = report.turns
            attempts = report.attempts.count
            tokens = report.usage.total
            costUSD = report.costUSD
            milliseconds = report.durations.total
            error = report.error
        }
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
    /// Whether the agent had been started before the run, and waited for it.
    public var agentWaited: Bool?
    /// Why it had not.
    public var whyNotWaited: String?
    public var created: Date
    public var prompt: String
    public var resumedFrom: String?
    /// Those among which this result was the best, in the order of their forks; nil where there was one agent.
    public var candidates: [Candidate]?
    /// The run for which this one was a candidate.
    public var candidateOf: String?
    /// What the judge made of this candidate.
    public var score: Double?
    public var judgement: String?
    /// What the sandbox reached, or was kept from, besides the model; nil in reports of earlier versions.
    public var network: [NetworkUse]?
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

extension RunReport {
    /// Writes every member, also those that are null: a program that reads reports finds the same ones in each.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(outcome, forKey: .outcome)
        try container.encode(result, forKey: .result)
        try container.encode(attempts, forKey: .attempts)
        try container.encode(error, forKey: .error)
        try container.encode(sessionID, forKey: .sessionID)
        try container.encode(sandboxID, forKey: .sandboxID)
        try container.encode(template, forKey: .template)
        try container.encode(isolation, forKey: .isolation)
        try container.encode(model, forKey: .model)
        try container.encode(turns, forKey: .turns)
        try container.encode(toolCalls, forKey: .toolCalls)
        try container.encode(usage, forKey: .usage)
        try container.encode(costUSD, forKey: .costUSD)
        try container.encode(sessionCostUSD, forKey: .sessionCostUSD)
        try container.encode(durations, forKey: .durations)
        try container.encode(permissionDenials, forKey: .permissionDenials)
        try container.encode(diff, forKey: .diff)
        try container.encode(artifacts, forKey: .artifacts)
        try container.encode(transcript, forKey: .transcript)
        try container.encode(kept, forKey: .kept)
        try container.encode(agentWaited, forKey: .agentWaited)
        try container.encode(whyNotWaited, forKey: .whyNotWaited)
        try container.encode(created, forKey: .created)
        try container.encode(prompt, forKey: .prompt)
        try container.encode(resumedFrom, forKey: .resumedFrom)
        try container.encode(candidates, forKey: .candidates)
        try container.encode(candidateOf, forKey: .candidateOf)
        try container.encode(score, forKey: .score)
        try container.encode(judgement, forKey: .judgement)
        try container.encode(network, forKey: .network)
        try container.encode(warnings, forKey: .warnings)
    }
}
