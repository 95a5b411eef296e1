import Wire

/// One answer of the model.
struct Step: Sendable {
    struct ToolCall: Sendable {
        let name: Template
        let input: Template
    }

    /// How long the model takes.
    struct Delay: Sendable {
        var head = Duration.zero
        /// Before each event of a stream.
        var event = Duration.zero
    }

    /// Tokens, by the API's own names.
    struct Usage: Sendable {
        /// Everything that is known when an answer begins.
        var input: [String: Int] = [
            "input_tokens": 100, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
        ]
        var output = 20
    }

    let text: Template?
    let tools: [ToolCall]
    let captures: [String: Capture]
    let usage: Usage
    let stopReason: String
    let delay: Delay
    let fault: Fault?
    let model: String?

    private static let words = ["text", "tools", "capture", "usage", "stopReason", "delay", "fault", "model"]

    /// Reads the steps of one conversation, in whose templates only earlier captures may be used.
    static func list(_ source: Placed) throws(ScriptError) -> [Step] {
        var steps: [Step] = []
        var known = Set(Scope.builtIn)
        var toolCounts: [Int] = []
        for element in try source.elements() {
            let step = try Step(element, toolCounts: toolCounts)
            let templates = [step.text].compactMap(\.self) + step.tools.flatMap { [$0.name, $0.input] }
            for reference in templates.flatMap(\.references) where !known.contains(reference.name) {
                throw .malformed(reference.place, "no step before this one captures '\(reference.name)'")
            }
            known.formUnion(step.captures.keys)
            toolCounts.append(step.tools.count)
            steps.append(step)
        }
        guard !steps.isEmpty else { throw .malformed(source.place, "there is no step") }
        return steps
    }

    private init(_ source: Placed, toolCounts: [Int]) throws(ScriptError) {
        let members = try source.members(Self.words)
        text = try members["text"].map { (text) throws(ScriptError) in
            _ = try text.text()
            return try Template(text)
        }
        var tools: [ToolCall] = []
        for tool in try members["tools"]?.elements() ?? [] { tools.append(try Self.tool(tool)) }
        self.tools = tools
        fault = try members["fault"].map { (fault) throws(ScriptError) in try Fault(fault) }
        guard text != nil || !tools.isEmpty || fault?.isEndless == true else {
            throw .malformed(source.place, "a step needs 'text', 'tools', or a 'fault' without 'times'")
        }
        var captures: [String: Capture] = [:]
        for (name, capture) in try members["capture"]?.members() ?? [:] {
            guard Reference.isName(name), !Scope.builtIn.contains(name) else {
                throw .malformed(
                    capture.place,
                    "'\(name)' can not be a name: letters, digits and '_', and not a built-in one"
                )
            }
            captures[name] = try Capture(capture, toolCounts: toolCounts + [tools.count])
        }
        self.captures = captures
        usage = try members["usage"].map { (usage) throws(ScriptError) in try Self.usage(usage) } ?? Usage()
        stopReason = try members["stopReason"]?.text() ?? (tools.isEmpty ? "end_turn" : "tool_use")
        delay = try members["delay"].map { (delay) throws(ScriptError) in try Self.delay(delay) } ?? Delay()
        model = try members["model"]?.text()
    }

    private static func tool(_ source: Placed) throws(ScriptError) -> ToolCall {
        let members = try source.members(["name", "input"])
        guard let name = members["name"] else { throw .malformed(source.place, "a tool call needs a 'name'") }
        _ = try name.text()
        let input = members["input"] ?? Placed(value: [:], place: "\(source.place).input")
        return ToolCall(name: try Template(name), input: try Template(input))
    }

    private static func usage(_ source: Placed) throws(ScriptError) -> Usage {
        var usage = Usage()
        for (name, count) in try source.members(Array(usage.input.keys.sorted()) + ["output_tokens"]) {
            let tokens = try count.integer(0...Int.max)
            if name == "output_tokens" { usage.output = tokens } else { usage.input[name] = tokens }
        }
        return usage
    }

    private static func delay(_ source: Placed) throws(ScriptError) -> Delay {
        if source.value.number != nil { return Delay(head: try source.seconds()) }
        let members = try source.members(["head", "event"])
        return Delay(head: try members["head"]?.seconds() ?? .zero, event: try members["event"]?.seconds() ?? .zero)
    }
}
