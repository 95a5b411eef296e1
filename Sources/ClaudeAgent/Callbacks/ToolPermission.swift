import Wire

/// Decides whether the agent may use a tool, where no rule does.
///
/// What it throws, and what does not come in time, is a refusal that the agent is told. When the agent gives up the tool
/// meanwhile, the task is cancelled.
public typealias CanUseTool = @Sendable (ToolRequest) async throws -> ToolPermission

/// A tool that the agent wants to use.
public struct ToolRequest: Sendable, Hashable {
    /// The request as it came.
    public let raw: JSONValue

    public init(raw: JSONValue) {
        self.raw = raw
    }

    public var toolName: String { raw["tool_name"]?.string ?? "" }
    public var input: JSONValue { raw["input"] ?? [:] }
    public var toolUseID: String? { raw["tool_use_id"]?.string }
    /// What to show to a person.
    public var title: String? { raw["title"]?.string ?? raw["display_name"]?.string }
    public var description: String? { raw["description"]?.string }
    /// The subagent that asks; nil is the main agent.
    public var agentID: String? { raw["agent_id"]?.string }
    /// The path because of which it is not allowed by itself.
    public var blockedPath: String? { raw["blocked_path"]?.string }
    /// Rules that would let it pass the next time; hand them back with an `allow`.
    public var suggestions: [PermissionUpdate] {
        (raw["permission_suggestions"]?.array ?? []).map(PermissionUpdate.init)
    }
}

/// What the agent is answered.
public enum ToolPermission: Sendable, Hashable {
    /// It may; with another input, if one is given, and with rules for the time after.
    case allow(input: JSONValue? = nil, updates: [PermissionUpdate] = [])
    /// It may not; the agent reads why, and stops its turn if it is to.
    case deny(_ reason: String, stop: Bool = false)

    func json(for request: ToolRequest) -> JSONValue {
        switch self {
        case .allow(let input, let updates):
            // The program wants the input back in any case.
            var members: [String: JSONValue] = ["behavior": "allow", "updatedInput": input ?? request.input]
            if !updates.isEmpty { members["updatedPermissions"] = .array(updates.map(\.raw)) }
            return .object(members)
        case .deny(let reason, let stop):
            var members: [String: JSONValue] = ["behavior": "deny", "message": .string(reason)]
            if stop { members["interrupt"] = true }
            return .object(members)
        }
    }
}

/// A change of the rules about tools.
public struct PermissionUpdate: Sendable, Hashable {
    /// As the program knows it.
    public let raw: JSONValue

    public init(raw: JSONValue) {
        self.raw = raw
    }

    /// Where a change is kept.
    public enum Destination: String, Sendable, Hashable {
        /// Until the session ends.
        case session
        case userSettings, projectSettings, localSettings
    }

    /// What a rule says.
    public enum Behavior: String, Sendable, Hashable {
        case allow, deny, ask
    }

    /// Adds rules in the form of settings, such as `Read` or `Bash(git log:*)`.
    public static func add(
        _ behavior: Behavior,
        _ rules: [String],
        to destination: Destination = .session
    ) -> PermissionUpdate {
        let values = rules.map { rule -> JSONValue in
            guard rule.hasSuffix(")"), let open = rule.firstIndex(of: "(") else { return ["toolName": .string(rule)] }
            let content = rule[rule.index(after: open)...].dropLast()
            return ["toolName": .string(String(rule[..<open])), "ruleContent": .string(String(content))]
        }
        return PermissionUpdate(raw: [
            "type": "addRules", "behavior": .string(behavior.rawValue), "rules": .array(values),
            "destination": .string(destination.rawValue),
        ])
    }

    public static func setMode(_ mode: PermissionMode, in destination: Destination = .session) -> PermissionUpdate {
        PermissionUpdate(raw: [
            "type": "setMode", "mode": .string(mode.rawValue), "destination": .string(destination.rawValue),
        ])
    }

    public static func addDirectories(_ paths: [String], to destination: Destination = .session) -> PermissionUpdate {
        PermissionUpdate(raw: [
            "type": "addDirectories", "directories": .array(paths.map { .string($0) }),
            "destination": .string(destination.rawValue),
        ])
    }
}
