import FoundationEssentials

/// What an agent is asked to do, and within what limits.
public struct RunOptions: Codable, Sendable, Hashable {
    /// Given to the agent on its standard input, byte by byte as it is.
    public var prompt: Data
    /// The template of the sandbox.
    public var template = "claude"
    /// What the result must fit: JSON Schema 2020-12. Without one the result is the agent's last text.
    public var schema: JSONValue?
    /// The result tool as the agent sees it.
    public var toolName = "submit_result"
    public var toolDescription: String?
    /// How often the agent is resumed when it gave no valid result.
    public var repairAttempts = 2

    public var maxTurns: Int?
    /// Seconds of wall time for the agent, repairs included.
    public var timeout: Double = 1800
    /// Dollars for the whole run, repairs included.
    public var maxCostUSD: Double?
    /// Tokens for the whole run, of input and output together.
    public var maxTokens: Int?
    /// Where the model's answers are kept, or come from.
    public var cassette: CassetteChoice?
    public var model: String?
    /// Appended to the agent's own system prompt.
    public var systemPrompt: String?
    public var allowedTools: [String] = []
    /// The tools that only keep lists use up turns.
    public var disallowedTools: [String] = ["Task", "TodoWrite"]
    public var environment: [String: String] = [:]
    /// The volumes that are seen in the sandbox.
    public var volumes: [VolumeWish]?
    /// What the sandbox may reach besides the model; see ``CreateSandbox``.
    public var allow: [String]?
    public var deny: [String]?
    /// What is put into its requests; see ``CreateSandbox``.
    public var headers: [String]?
    /// The repositories that git may use; see ``CreateSandbox``.
    public var git: [String]?
    /// The MCP servers outside that the agent gets besides, by name, as Claude Code's own files have them; in values of `headers` and
    /// `env` `${secret:NAME}` stands for a secret that stays outside. Each may have `tools`, the only ones that may be used.
    public var servers: JSONValue?
    /// Whether a sandbox that is there already gets other rules.
    package var changesNetwork: Bool { allow != nil || deny != nil || headers != nil || git != nil }

    /// The name of the working directory under the agent's home.
    public var directory = "workspace"
    /// Whether a tar stream of the working directory follows this request.
    public var hasFiles = false
    /// What the files take when unpacked, so that a directory that can not fit is refused before it is sent.
    public var fileBytes: Int64?
    /// Paths, in the working directory or absolute, to bring out at the end.
    public var artifacts: [String] = []
    /// Leaves the sandbox running.
    public var keep = false
    /// The run to go on with: its session, and its working directory.
    public var resume: String?
    /// How many agents work on it at once, each in a fork of one sandbox; the best of their results counts.
    public var bestOf: Int?
    /// Who says which is the best; nil goes by the outcome, then by the attempts that it took, then by the price.
    public var judge: Judge?

    public enum Judge: Codable, Sendable, Hashable {
        /// A line of shell, run in each working directory with the result on standard input. The last line that it writes is the
        /// score, if that is a number; else a success is 1. A failure is 0.
        case command(String)
        /// What a further agent is asked, with all results and diffs.
        case prompt(String)
    }

    public init(prompt: Data) {
        self.prompt = prompt
    }
}

/// A folder of recorded model requests on the daemon's machine, or a file with a script of the model.
public struct CassetteChoice: Codable, Sendable, Hashable {
    public enum Mode: String, Codable, Sendable, Hashable, CaseIterable {
        /// Everything is asked and kept; the folder must be new or empty.
        case record
        /// Nothing is asked: what was not recorded is refused. The one mode that takes a script.
        case replay
        /// What was recorded is played, the rest is asked and kept.
        case hybrid
    }

    /// Absolute.
    public var path: String
    public var mode: Mode

    public init(path: String, mode: Mode) {
        self.path = path
        self.mode = mode
    }
}

/// How a run ended.
public enum RunOutcome: String, Codable, Sendable, Hashable, CaseIterable {
    /// The result fits the schema.
    case valid
    /// The result fits, after the agent was resumed.
    case repaired
    /// The result fits the schema and is a placeholder or an echo all the same.
    case degenerate
    /// The agent gave results, none of which fits.
    case invalid
    /// The agent ended without giving one.
    case noResult
    /// The turns were used up.
    case maxTurns
    /// The money was used up.
    case budget
    /// The time was used up.
    case timedOut
    /// The model refused.
    case refused
    /// The agent failed: it could not reach its model, was killed, or broke.
    case agentFailed
    /// The sandbox could not be made or was lost.
    case sandboxFailed
    /// Somebody stopped it.
    case cancelled

    /// Whether the result may be used.
    public var isSuccess: Bool { self == .valid || self == .repaired }
}
