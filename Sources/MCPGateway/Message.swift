import Wire

/// One message of JSON-RPC 2.0, told apart.
enum Message: Sendable {
    case request(id: JSONValue, method: String, params: JSONValue)
    case notification(method: String, params: JSONValue)
    case response(id: JSONValue, Result<JSONValue, RPCFailure>)

    /// Nil for what is none, or says two things at once.
    init?(_ value: JSONValue) {
        guard value["jsonrpc"] == "2.0" else { return nil }
        let id = value["id"].flatMap { Self.isID($0) ? $0 : nil }
        if let method = value["method"]?.string {
            let params = value["params"] ?? [:]
            guard params.object != nil, value["id"] == nil || id != nil else { return nil }
            self =
                id.map { .request(id: $0, method: method, params: params) }
                ?? .notification(method: method, params: params)
        } else if let result = value["result"], value["error"] == nil, let id {
            self = .response(id: id, .success(result))
        } else if let error = value["error"], let id {
            self = .response(id: id, .failure(RPCFailure(error)))
        } else {
            return nil
        }
    }

    private static func isID(_ value: JSONValue) -> Bool {
        switch value {
        case .string, .integer: true
        case .null, .bool, .number, .array, .object: false
        }
    }

    static func request(_ id: Int64, _ method: String, _ params: JSONValue) -> JSONValue {
        ["jsonrpc": "2.0", "id": .integer(id), "method": .string(method), "params": params]
    }

    static func notification(_ method: String, _ params: JSONValue = [:]) -> JSONValue {
        ["jsonrpc": "2.0", "method": .string(method), "params": params]
    }

    static func reply(_ id: JSONValue, _ result: Result<JSONValue, RPCFailure>) -> JSONValue {
        switch result {
        case .success(let value): ["jsonrpc": "2.0", "id": id, "result": value]
        case .failure(let failure): ["jsonrpc": "2.0", "id": id, "error": failure.value]
        }
    }
}

/// An error as JSON-RPC tells it.
struct RPCFailure: Error, Sendable, Hashable {
    static let invalidRequest: Int64 = -32600
    static let methodNotFound: Int64 = -32601
    static let invalidParams: Int64 = -32602
    /// A server behind the gateway does not answer as it should.
    static let unavailable: Int64 = -32000
    static let cancelled: Int64 = -32800

    /// As it goes over the wire: what a server said is passed on whole.
    let value: JSONValue

    init(_ value: JSONValue) {
        self.value = value
    }

    init(_ code: Int64, _ message: String) {
        value = ["code": .integer(code), "message": .string(message)]
    }
}
