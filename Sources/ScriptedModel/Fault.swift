import Wire

/// What goes wrong with a step, instead of or in the middle of its answer.
struct Fault: Sendable {
    enum Kind: Sendable {
        /// An error answer.
        case status(Int, retryAfter: String?)
        /// The connection ends after so many events of a stream; after 0, without any answer.
        case drop(after: Int)
        /// Silence after so many events, but for a `ping` now and then if one is asked for; after 0, without any answer.
        case hang(after: Int, ping: Duration?)
        /// An `error` event after so many others.
        case error(after: Int)
    }

    let kind: Kind
    /// The error's type and message, as the API says them.
    let type: String
    let message: String
    /// How often a session meets the fault before the step is played; nil is always.
    let times: Int?

    var isEndless: Bool { times == nil }

    /// Whether the fault can happen to an answer that is not streamed: one that waits for an event can not.
    var needsStream: Bool {
        switch kind {
        case .status: false
        case .drop(let after), .hang(let after, _): after > 0
        case .error: true
        }
    }

    init(_ source: Placed) throws(ScriptError) {
        let kinds = ["status", "dropAfter", "hangAfter", "errorAfter"]
        let members = try source.members(kinds + ["retryAfter", "ping", "type", "message", "times"])
        let given = kinds.filter { members[$0] != nil }
        guard given.count == 1 else {
            throw .malformed(source.place, "a fault is one of 'status', 'dropAfter', 'hangAfter' and 'errorAfter'")
        }
        if members["retryAfter"] != nil, given != ["status"] {
            throw .malformed(source.place, "'retryAfter' belongs to a 'status'")
        }
        if members["ping"] != nil, given != ["hangAfter"] {
            throw .malformed(source.place, "'ping' belongs to 'hangAfter'")
        }
        var defaultType = "api_error"
        if let status = try members["status"]?.integer(400...599) {
            kind = .status(status, retryAfter: members["retryAfter"]?.value.asText)
            defaultType = Self.type(forStatus: status)
        } else if let after = try members["dropAfter"]?.integer(0...Int.max) {
            kind = .drop(after: after)
        } else if let after = try members["hangAfter"]?.integer(0...Int.max) {
            let ping = try members["ping"]?.seconds()
            guard ping.map({ $0 >= .milliseconds(1) }) ?? true else {
                throw .malformed(source.place, "'ping' must be a millisecond at least")
            }
            guard ping == nil || after > 0 else { throw .malformed(source.place, "'ping' needs 'hangAfter' 1 or more") }
            kind = .hang(after: after, ping: ping)
        } else {
            kind = .error(after: try members["errorAfter"]?.integer(0...Int.max) ?? 0)
            defaultType = "overloaded_error"
        }
        type = try members["type"]?.text() ?? defaultType
        message = try members["message"]?.text() ?? "The script says so"
        times = try members["times"]?.integer(1...Int.max)
    }

    /// The error type that the API gives with a status.
    static func type(forStatus status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 504: "timeout_error"
        case 529: "overloaded_error"
        case 400..<500: "invalid_request_error"
        default: "api_error"
        }
    }
}
