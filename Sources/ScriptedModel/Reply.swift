import Wire

/// An answer of the model, in the two forms that the Messages API has.
struct Reply: Sendable {
    enum Block: Sendable {
        case text(String)
        case toolUse(id: String, name: String, input: JSONValue)
    }

    let id: String
    let model: String
    let blocks: [Block]
    let stopReason: String
    let usage: Step.Usage

    /// One server-sent event.
    struct Event: Sendable {
        let name: String
        let data: JSONValue

        var encoded: [UInt8] {
            Array("event: \(name)\ndata: ".utf8) + data.encoded() + Array("\n\n".utf8)
        }

        init(_ name: String, _ members: [String: JSONValue] = [:]) {
            self.name = name
            data = .object(members.merging(["type": .string(name)]) { _, type in type })
        }
    }

    /// The whole message, for a request that is not streamed.
    var message: JSONValue {
        message(content: .array(blocks.map(Self.whole)), stopReason: .string(stopReason), output: usage.output)
    }

    private func message(content: JSONValue, stopReason: JSONValue, output: Int) -> JSONValue {
        var tokens = usage.input.mapValues { JSONValue.integer(Int64($0)) }
        tokens["output_tokens"] = .integer(Int64(output))
        return [
            "id": .string(id), "type": "message", "role": "assistant", "model": .string(model), "content": content,
            "stop_reason": stopReason, "stop_sequence": nil, "usage": .object(tokens),
        ]
    }

    private static func whole(_ block: Block) -> JSONValue {
        switch block {
        case .text(let text): ["type": "text", "text": .string(text)]
        case .toolUse(let id, let name, let input):
            ["type": "tool_use", "id": .string(id), "name": .string(name), "input": input]
        }
    }

    /// The message as a stream: a start, each block in pieces, an end.
    var events: [Event] {
        var events = [Event("message_start", ["message": message(content: [], stopReason: nil, output: 1)])]
        for (index, block) in blocks.enumerated() {
            let index = JSONValue.integer(Int64(index))
            let (start, deltas): (JSONValue, [JSONValue])
            switch block {
            case .text(let text):
                start = ["type": "text", "text": ""]
                deltas = Self.pieces(text).map { ["type": "text_delta", "text": .string($0)] }
            case .toolUse(let id, let name, let input):
                // A client takes the input from the deltas only.
                start = ["type": "tool_use", "id": .string(id), "name": .string(name), "input": [:]]
                deltas = Self.pieces(input.text()).map { ["type": "input_json_delta", "partial_json": .string($0)] }
            }
            events.append(Event("content_block_start", ["index": index, "content_block": start]))
            for delta in deltas { events.append(Event("content_block_delta", ["index": index, "delta": delta])) }
            events.append(Event("content_block_stop", ["index": index]))
        }
        events.append(
            Event(
                "message_delta",
                [
                    "delta": ["stop_reason": .string(stopReason), "stop_sequence": nil],
                    "usage": ["output_tokens": .integer(Int64(usage.output))],
                ]
            )
        )
        events.append(Event("message_stop"))
        return events
    }

    /// 64 characters at a time, so that a client has something to put together.
    private static func pieces(_ text: String) -> [String] {
        var pieces: [String] = []
        var rest = text[...]
        while !rest.isEmpty {
            pieces.append(String(rest.prefix(64)))
            rest = rest.dropFirst(64)
        }
        return pieces
    }
}

extension Reply {
    /// The step that is due in `conversation`, with its values; behind the last step, a sentence that says so.
    init(step index: Int, of conversation: Conversation, to request: ModelRequest, model: String?) throws(ScriptError) {
        id = "msg_\(conversation.key)_\(index)"
        guard conversation.steps.indices.contains(index) else {
            self.model = model ?? request.model
            blocks = [.text("The script has no more steps.")]
            stopReason = "end_turn"
            usage = Step.Usage()
            return
        }
        let step = conversation.steps[index]
        let scope = Scope(conversation: conversation, request: request, step: index)
        var blocks: [Block] = []
        if let text = step.text { blocks.append(.text(try text.renderedText(scope))) }
        for (tool, call) in step.tools.enumerated() {
            blocks.append(
                .toolUse(
                    id: conversation.toolID(step: index, tool: tool),
                    name: try call.name.renderedText(scope),
                    input: try call.input.rendered(scope)
                )
            )
        }
        self.model = step.model ?? model ?? request.model
        self.blocks = blocks
        stopReason = step.stopReason
        usage = step.usage
    }
}
