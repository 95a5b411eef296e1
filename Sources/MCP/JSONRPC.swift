import Wire

/// One message of JSON-RPC 2.0, as far as a server looks at it.
enum IncomingMessage: Sendable {
    case request(id: JSONValue, method: String, params: JSONValue)
    case notification
    /// An answer to a question that was never asked; nothing is to be said to it.
    case response
    case malformed(id: JSONValue, RPCError)

    init(_ message: JSONValue) {
        guard let members = message.object else {
            self = .malformed(id: nil, RPCError(.invalidRequest, "A message is an object"))
            return
        }
        let id = members["id"]
        let echo: JSONValue
        switch id {
        case .string?, .integer?: echo = id ?? nil
        default: echo = nil
        }
        guard members["jsonrpc"] == "2.0" else {
            self = .malformed(id: echo, RPCError(.invalidRequest, "A message needs 'jsonrpc' with the value \"2.0\""))
            return
        }
        guard let method = members["method"] else {
            let isResponse = members["result"] != nil || members["error"] != nil
            let error = RPCError(.invalidRequest, "A message needs a 'method'")
            self = isResponse ? .response : .malformed(id: echo, error)
            return
        }
        guard let method = method.string else {
            self = .malformed(id: echo, RPCError(.invalidRequest, "A message's 'method' is a string"))
            return
        }
        guard let id else {
            self = .notification
            return
        }
        guard echo == id, echo != nil else {
            self = .malformed(id: nil, RPCError(.invalidRequest, "A request's 'id' is a string or an integer"))
            return
        }
        let params = members["params"] ?? [:]
        guard params.object != nil else {
            self = .malformed(id: id, RPCError(.invalidParams, "'params' is an object"))
            return
        }
        self = .request(id: id, method: method, params: params)
    }
}

/// An error of JSON-RPC: something is wrong with a message, not with what it asks for.
struct RPCError: Error, Sendable {
    /// <https://www.jsonrpc.org/specification#error_object>, and what the Model Context Protocol adds.
    enum Code: Int64, Sendable {
        case parseError = -32700
        case invalidRequest = -32600
        case methodNotFound = -32601
        case invalidParams = -32602
        case headerMismatch = -32020
        case unsupportedVersion = -32022
    }

    let code: Code
    let message: String
    var data: JSONValue?

    init(_ code: Code, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    static func unsupportedVersion(_ version: JSONValue) -> RPCError {
        let data: JSONValue = ["supported": [.string(ProtocolVersion.stateless)], "requested": version]
        return RPCError(.unsupportedVersion, "Unsupported protocol version", data: data)
    }

    /// The reply to the message with this id; null if it could not be read.
    func reply(to id: JSONValue) -> JSONValue {
        var error: [String: JSONValue] = ["code": .integer(code.rawValue), "message": .string(message)]
        error["data"] = data
        return ["jsonrpc": "2.0", "id": id, "error": .object(error)]
    }

    /// The HTTP status that goes with the error where the protocol says one.
    var httpStatus: Int { code == .methodNotFound ? 404 : 400 }
}
