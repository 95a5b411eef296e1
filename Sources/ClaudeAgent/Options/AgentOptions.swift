import Wire

/// How an agent is to work. Everything has a default: `AgentOptions()` is Claude Code without a system prompt, in the current
/// directory, asking nobody.
public struct AgentOptions: Sendable {
    public init() {}

    /// Makes options and lets `change` set what is not to be the default.
    public init(_ change: (inout AgentOptions) -> Void) {
        change(&self)
    }

    // MARK: The task

    public var systemPrompt = SystemPrompt.empty
    /// A model's name or alias; nil is the program's own choice.
    public var model: String?
    /// Models to go on with when the first is overloaded.
    public var fallbackModel: String?
    public var thinking: Thinking?
    /// How hard the model tries: `low`, `medium`, `high`, `xhigh`, `max`.
    public var effort: String?
    /// Betas of the model's API to switch on.
    public var betas: [String] = []
    /// A JSON Schema of an object that the result must fit. `query(_:returning:options:)` sets it from a type.
    public var resultSchema: JSONValue?

    // MARK: Limits

    public var maxTurns: Int?
    /// Dollars, as the agent reckons them.
    public var maxBudgetUSD: Double?
    public var limits = AgentLimits()

    // MARK: Tools and permissions

    /// The built-in tools that exist for the agent; nil is the program's own choice, an empty list is none.
    public var tools: [String]?
    /// What it may use without asking, such as `Read`, `Bash(git log:*)` or `mcp__calc__add`.
    public var allowedTools: [String] = []
    /// What it may not use at all.
    public var disallowedTools: [String] = []
    public var permissionMode: PermissionMode?
    /// Asked for each tool that no rule allows or denies. Without it such a tool is denied.
    public var canUseTool: CanUseTool?
    /// Answers the agent's questions to the user. Without it the agent can not ask.
    public var askUser: AskUser?
    public var hooks: [AgentHook] = []
    public var mcpServers: [String: MCPServer] = [:]
    /// Whether MCP servers of the user's and the project's files are left out.
    public var onlyGivenMCPServers = false
    /// Agents that the agent can start.
    public var agents: [String: AgentDefinition] = [:]

    // MARK: The session

    public var session = SessionChoice.new
    /// Whether the session can be resumed later.
    public var isPersistent = true

    // MARK: The surroundings

    /// Where the program runs; nil is on this machine.
    public var transport: (any AgentTransport)?
    public var workingDirectory: String?
    /// Further directories that the agent may work in.
    public var additionalDirectories: [String] = []
    /// Variables to set. They do not replace the others.
    public var environment: [String: String] = [:]
    /// Which settings files count: `user`, `project`, `local`; nil is the program's own choice, an empty list is none.
    public var settingSources: [String]?
    /// Settings as in `settings.json`.
    public var settings: JSONValue?
    /// Directories with plugins.
    public var plugins: [String] = []
    /// Whether files can be taken back with ``AgentSession/rewindFiles(to:)``.
    public var checkpointsFiles = false
    /// Further arguments of the program, as they stand on its command line; best in the form `--name=value`.
    public var extraArguments: [String] = []

    // MARK: What is told

    /// Whether answers also come in pieces while they are written.
    public var includesPartialMessages = false
    public var includesHookEvents = false
    /// Called with each line of the program's output, before anything else is done with it: for transcripts. It holds up the
    /// reading, so it has to be quick.
    public var onOutputLine: (@Sendable ([UInt8]) -> Void)?
    /// Called with each line of the program's standard error.
    public var onErrorLine: (@Sendable (String) -> Void)?
    /// Told of each message when it is read, before anybody takes it.
    package var listener: (any AgentListener)?
}

/// Hears what a program says at the moment in which it is read. It holds up the reading, so it has to be quick.
package protocol AgentListener: Sendable {
    /// - Parameter line: the message as it came, without the line's end.
    func hear(_ message: AgentMessage, _ line: [UInt8])
    /// Hears what came behind the last line end: a message that was cut.
    func hear(cut rest: [UInt8])
}

/// What the model is told before the prompt.
public enum SystemPrompt: Sendable, Hashable {
    /// Nothing but what the tools need.
    case empty
    /// Claude Code's own, and something behind it.
    case claudeCode(append: String? = nil)
    case text(String)
    /// The text in a file at the place where the program runs.
    case file(String)
}

/// How much the model thinks before it answers.
public enum Thinking: Sendable, Hashable {
    case adaptive
    case disabled
    case tokens(Int)
}

/// Which session the agent goes on with.
public enum SessionChoice: Sendable, Hashable {
    case new
    /// A new one with an id of your choice, a UUID that was not used before.
    case named(String)
    /// The newest of the working directory; with none, a new one.
    case latest(fork: Bool = false)
    /// One with this id. A fork leaves it as it is and goes on in a copy under a new id.
    ///
    /// `at` goes on behind that message of the agent (its `id`) instead of the last.
    case resumed(String, fork: Bool = false, at: String? = nil)
}

/// What happens when the agent wants to use a tool that no rule allows.
public struct PermissionMode: RawRepresentable, Sendable, Hashable {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Ask, or deny where nobody can be asked.
    public static let standard = PermissionMode(rawValue: "default")
    /// Allow changes of files in the working directory.
    public static let acceptEdits = PermissionMode(rawValue: "acceptEdits")
    /// Change nothing.
    public static let plan = PermissionMode(rawValue: "plan")
    /// Allow everything. As root it needs `IS_SANDBOX=1` in the environment. To change to it later, start with
    /// `--allow-dangerously-skip-permissions`.
    public static let bypassPermissions = PermissionMode(rawValue: "bypassPermissions")
    /// Deny without asking.
    public static let dontAsk = PermissionMode(rawValue: "dontAsk")
    /// Let the model's service judge.
    public static let auto = PermissionMode(rawValue: "auto")
}

/// An agent that the agent can start.
public struct AgentDefinition: Sendable, Hashable {
    /// When to use it, as the agent reads it.
    public var description: String
    /// Its system prompt.
    public var prompt: String
    public var tools: [String]?
    public var disallowedTools: [String]?
    public var model: String?
    public var maxTurns: Int?
    public var permissionMode: PermissionMode?
    public var isBackground: Bool?
    /// Members beside these, by the program's names.
    public var more: [String: JSONValue] = [:]

    public init(description: String, prompt: String, tools: [String]? = nil, model: String? = nil) {
        self.description = description
        self.prompt = prompt
        self.tools = tools
        self.model = model
    }

    var json: JSONValue {
        var members = more
        members["description"] = .string(description)
        members["prompt"] = .string(prompt)
        members["tools"] = tools.map { .array($0.map { .string($0) }) }
        members["disallowedTools"] = disallowedTools.map { .array($0.map { .string($0) }) }
        members["model"] = model.map { .string($0) }
        members["maxTurns"] = maxTurns.map { .integer(Int64($0)) }
        members["permissionMode"] = permissionMode.map { .string($0.rawValue) }
        members["background"] = isBackground.map { .bool($0) }
        return .object(members)
    }
}
