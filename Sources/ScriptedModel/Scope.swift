import Wire

/// The values that a step may use: what earlier steps captured from their tools' results in this very conversation.
///
/// A value is taken out when it is asked for, so that a capture nobody uses can not fail.
struct Scope: Sendable {
    static let builtIn = ["resultTool", "prompt"]

    let conversation: Conversation
    let request: ModelRequest
    /// The step that is played; only captures before it are seen, the latest of a name first.
    let step: Int

    func value(of reference: Reference) throws(ScriptError) -> JSONValue {
        try reference.resolve(in: try whole(reference))
    }

    private func whole(_ reference: Reference) throws(ScriptError) -> JSONValue {
        switch reference.name {
        case "prompt": return .string(request.prompt)
        case "resultTool": return .string(try resultTool(reference.place))
        default: break
        }
        let earlier = conversation.steps.prefix(step).reversed()
        guard let capture = earlier.lazy.compactMap({ $0.captures[reference.name] }).first else {
            throw .malformed(reference.place, "no step before this one captures '\(reference.name)'")
        }
        guard let result = request.toolResult(conversation.toolID(step: capture.step, tool: capture.tool)) else {
            throw ScriptError(
                .notCaptured,
                at: reference.place,
                "The script needs '\(reference.name)' at '\(reference.place)', but the request has no result of tool "
                    + "\(capture.tool) of step \(capture.step)"
            )
        }
        return try capture.value(from: result)
    }

    /// The one MCP tool; where there are several, Martlet's own.
    private func resultTool(_ place: String) throws(ScriptError) -> String {
        let tools = request.toolNames.filter { $0.hasPrefix("mcp__") }
        let own = tools.filter { $0.hasPrefix("mcp__martlet__") }
        if tools.count == 1 { return tools[0] }
        if own.count == 1 { return own[0] }
        throw ScriptError(
            .noResultTool,
            at: place,
            tools.isEmpty
                ? "The request offers no MCP tool for '${resultTool}'; set ENABLE_TOOL_SEARCH=false, so that it is not deferred"
                : "The request offers several MCP tools for '${resultTool}': \(tools.joined(separator: ", ")); name one"
        )
    }
}
