// Fuzzes what is made of an agent's output, which a guest may have written: no input may trap, and the pieces in which it comes
// may not change what it says.

import Wire

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = read(input, inPiecesOf: max(1, count))
    precondition(whole == read(input, inPiecesOf: 1), "pieces change what an output says")
    return 0
}

/// The messages, and how the run stands behind each.
private func read(_ input: [UInt8], inPiecesOf size: Int) -> [String]? {
    var framer = LineFramer(limit: 1000)
    var progress = RunProgress()
    progress.sent(prompt: "p")
    var seen: [String] = []
    for start in stride(from: 0, to: input.count, by: size) {
        guard let lines = try? framer.add(Array(input[start..<min(start + size, input.count)])) else { return nil }
        for line in lines {
            switch Incoming(line) {
            case .message(let message):
                progress.note(message)
                seen.append("\(message.raw.text()) \(progress.isSettled) \(readings(of: message))")
            case .request(let id, let body):
                seen.append("\(id) \(ToolRequest(raw: body).suggestions.count) \(HookInput(raw: body).event)")
            case .cancel(let id), .response(let id, _): seen.append(id)
            }
        }
    }
    return seen
}

/// Every property of a message that does more than look up a text. Dictionaries print in any order, so none is printed.
private func readings(of message: AgentMessage) -> String {
    switch message {
    case .started(let message): "\(message.servers) \(message.tools) \(message.promptIDs)"
    case .assistant(let message): "\(message.content.count) \(message.text)"
    case .user(let message): "\(message.content.count)"
    case .result(let message):
        "\(message.isSuccess) \(message.turns) \(message.duration as Any) \(message.permissionDenials.map(\.toolName)) \(message.errors)"
    case .task(let message): "\(message.kind as Any) \(message.status as Any)"
    case .retry(let message): "\(message.attempt as Any) \(message.delay as Any) \(message.status as Any)"
    case .state, .status, .partial, .hook, .permissionDenied, .rateLimit, .promptState, .unknown: ""
    }
}

extension AgentOptions {
    /// Nothing is started here.
    func place() throws(AgentError) -> any AgentTransport {
        throw AgentError(.badOptions, "There is no transport here")
    }
}
