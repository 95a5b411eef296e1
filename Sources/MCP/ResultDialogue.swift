import Wire

/// What a result server says to each message: a function without memory or I/O.
///
/// Every request stands for itself. The revisions that begin with a handshake are served without remembering it, since
/// nothing here depends on it.
struct ResultDialogue: Sendable {
    let tool: ResultTool
    let version: String

    struct Answer: Sendable {
        /// Nil where nothing is to be said.
        var reply: JSONValue?
        /// Set when the message called the tool.
        var call: Call?
        /// Set when the reply is an error of a request of the stateless revision, whose status HTTP tells.
        var statelessError: RPCError?
    }

    struct Call: Sendable {
        let arguments: JSONValue
        let verdict: ResultTool.Verdict
        /// The id that the agent's model gave the call, where the agent tells it.
        let toolUseID: String?
    }

    func answer(_ message: JSONValue) -> Answer {
        switch IncomingMessage(message) {
        case .notification, .response:
            return Answer()
        case .malformed(let id, let error):
            return Answer(reply: error.reply(to: id))
        case .request(let id, let method, let params):
            let isStateless = params["_meta"]?[Self.versionKey] != nil || method == "server/discover"
            do throws(RPCError) {
                let (result, call) = try result(of: method, params, isStateless: isStateless)
                return Answer(reply: ["jsonrpc": "2.0", "id": id, "result": .object(result)], call: call)
            } catch {
                return Answer(reply: error.reply(to: id), statelessError: isStateless ? error : nil)
            }
        }
    }

    static let versionKey = "io.modelcontextprotocol/protocolVersion"

    private func result(
        of method: String,
        _ params: JSONValue,
        isStateless: Bool
    ) throws(RPCError) -> ([String: JSONValue], Call?) {
        if let version = params["_meta"]?[Self.versionKey], version != .string(ProtocolVersion.stateless) {
            throw .unsupportedVersion(version)
        }
        var (result, call) = try plainResult(of: method, params)
        if isStateless {
            result["resultType"] = "complete"
            result["_meta"] = ["io.modelcontextprotocol/serverInfo": serverInfo]
            if method == "server/discover" || method == "tools/list" {
                result["ttlMs"] = 0
                result["cacheScope"] = "private"
            }
        }
        return (result, call)
    }

    private func plainResult(
        of method: String,
        _ params: JSONValue
    ) throws(RPCError) -> ([String: JSONValue], Call?) {
        switch method {
        case "server/discover":
            let versions: JSONValue = [.string(ProtocolVersion.stateless)]
            return (["supportedVersions": versions, "capabilities": capabilities], nil)
        case "initialize":
            guard let version = params["protocolVersion"]?.string else {
                throw RPCError(.invalidParams, "'initialize' needs a 'protocolVersion'")
            }
            let negotiated = JSONValue.string(ProtocolVersion.negotiated(version))
            return (
                ["protocolVersion": negotiated, "capabilities": capabilities, "serverInfo": serverInfo], nil
            )
        case "ping":
            return ([:], nil)
        case "tools/list":
            if let cursor = params["cursor"], cursor != nil {
                throw RPCError(.invalidParams, "There is no such cursor: the list has one page")
            }
            let listed: JSONValue = [
                "name": .string(tool.name), "description": .string(tool.description), "inputSchema": tool.inputSchema,
            ]
            return (["tools": [listed]], nil)
        case "tools/call":
            return try call(params)
        default:
            throw RPCError(.methodNotFound, "There is no method '\(method)' here")
        }
    }

    private let capabilities: JSONValue = ["tools": [:]]

    private var serverInfo: JSONValue { ["name": "martlet", "version": .string(version)] }

    private func call(_ params: JSONValue) throws(RPCError) -> ([String: JSONValue], Call?) {
        guard let name = params["name"]?.string else { throw RPCError(.invalidParams, "'tools/call' needs a 'name'") }
        guard name == tool.name else {
            throw RPCError(.invalidParams, "Unknown tool: '\(name)'; the only tool is '\(tool.name)'")
        }
        var arguments = params["arguments"] ?? [:]
        if arguments == nil { arguments = [:] }
        let call = Call(
            arguments: arguments,
            verdict: tool.judge(arguments),
            toolUseID: params["_meta"]?["claudecode/toolUseId"]?.string
        )
        switch call.verdict {
        case .accepted:
            return (Self.toolResult("The result was accepted.", isError: false), call)
        case .refused(let faults):
            let count = faults.count == 1 ? "one thing is" : "\(faults.count) things are"
            let list = faults.map { "- \($0)" }.joined(separator: "\n")
            let text = """
                The result was not accepted: \(count) wrong with the arguments.
                \(list)
                Mend this and call \(tool.name) again with the complete result.
                """
            return (Self.toolResult(text, isError: true), call)
        }
    }

    static func toolResult(_ text: String, isError: Bool) -> [String: JSONValue] {
        ["content": [["type": "text", "text": .string(text)]], "isError": .bool(isError)]
    }
}
