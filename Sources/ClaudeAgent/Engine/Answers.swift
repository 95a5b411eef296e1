import Wire

/// Answers what the program asks, with the functions in the options.
struct Answers: Sendable {
    let canUseTool: CanUseTool?
    let askUser: AskUser?
    let hooks: [AgentHook]
    let servers: [String: ToolDialogue]
    let limit: Duration?

    init(_ options: AgentOptions) {
        canUseTool = options.canUseTool
        askUser = options.askUser
        hooks = options.hooks
        limit = options.limits.callback
        let own = options.mcpServers.compactMap { name, server -> (String, ToolDialogue)? in
            guard case .tools(let tools) = server else { return nil }
            return (name, ToolDialogue(name: name, tools: tools))
        }
        servers = Dictionary(own, uniquingKeysWith: { first, _ in first })
    }

    /// The hooks as the program is told them when the session begins.
    var hookRegistrations: JSONValue {
        var events: [String: [JSONValue]] = [:]
        for (number, hook) in hooks.enumerated() {
            var members: [String: JSONValue] = ["hookCallbackIds": [.string("hook_\(number)")]]
            members["matcher"] = hook.matcher.map { .string($0) }
            members["timeout"] = hook.timeout.map { .number($0 / .seconds(1)) }
            members["onFailure"] = hook.onFailure.map { .string($0.rawValue) }
            events[hook.event.rawValue, default: []].append(.object(members))
        }
        return events.isEmpty ? nil : .object(events.mapValues { .array($0) })
    }

    /// The answer to a request.
    ///
    /// - Throws: what the program is to be told instead of an answer. Something must be said to every request, or it waits for
    ///   ever.
    func answer(_ request: JSONValue) async throws -> JSONValue {
        switch request["subtype"]?.string {
        case "can_use_tool":
            return try await permission(ToolRequest(raw: request))
        case "hook_callback":
            let number = request["callback_id"]?.string.flatMap { Int($0.dropFirst("hook_".count)) } ?? -1
            guard hooks.indices.contains(number) else { throw Unsupported("There is no such hook") }
            let (hook, input) = (hooks[number], HookInput(raw: request["input"] ?? [:]))
            return try await within(limit) { try await hook.handle(input).raw }
        case "mcp_message":
            return ["mcp_response": try await toolAnswer(request)]
        case let subtype:
            throw Unsupported("This program does not answer '\(subtype ?? "")'")
        }
    }

    private func permission(_ request: ToolRequest) async throws -> JSONValue {
        let decision: ToolPermission
        do {
            decision = try await decide(request)
        } catch is TimedOut {
            decision = .deny("Nobody answered in time whether '\(request.toolName)' may be used")
        } catch is CancellationError where Task.isCancelled {
            throw CancellationError()
        } catch {
            decision = .deny("It could not be decided whether '\(request.toolName)' may be used: \(error)")
        }
        return decision.json(for: request)
    }

    private func decide(_ request: ToolRequest) async throws -> ToolPermission {
        if request.toolName == "AskUserQuestion", let askUser {
            let questions = (request.input["questions"]?.array ?? []).map(UserQuestion.init)
            let answers = try await within(limit) { try await askUser(questions) }
            return .allow(input: UserAnswer.input(request.input, with: answers))
        }
        guard let canUseTool else {
            return .deny("'\(request.toolName)' needs a permission, and there is nobody to give it")
        }
        return try await within(limit) { try await canUseTool(request) }
    }

    private func toolAnswer(_ request: JSONValue) async throws -> JSONValue {
        let message = request["message"] ?? [:]
        guard let name = request["server_name"]?.string, let server = servers[name] else {
            return ToolDialogue.refusal(message["id"] ?? nil, -32601, "There is no such server in this program")
        }
        do {
            return try await within(limit) { await server.answer(message) }
        } catch is TimedOut {
            return ToolDialogue.refusal(message["id"] ?? nil, -32603, "The tool did not answer in time")
        }
    }

    private struct Unsupported: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }
}
