import Wire

/// What a server has told about itself.
struct Offer: Sendable, Hashable {
    /// What servers list, each with the call that lists it.
    enum Kind: String, CaseIterable, Sendable {
        case tools = "tools/list"
        case prompts = "prompts/list"
        case resources = "resources/list"
        case templates = "resources/templates/list"

        /// The member of a list's answer.
        var member: String {
            switch self {
            case .tools: "tools"
            case .prompts: "prompts"
            case .resources: "resources"
            case .templates: "resourceTemplates"
            }
        }

        /// The capability that a server has which lists this.
        var capability: String {
            switch self {
            case .tools: "tools"
            case .prompts: "prompts"
            case .resources, .templates: "resources"
            }
        }
    }

    var capabilities: JSONValue = [:]
    var instructions: String?
    var lists: [Kind: [JSONValue]] = [:]

    func has(_ capability: String) -> Bool { capabilities[capability] != nil }
}
