import HTTP

/// A refusal as E2B's clients understand it: always JSON, `{"code", "message", "error_code"?}`.
struct RESTError: Error, Sendable, Hashable {
    let status: Int
    /// A whole sentence, or the very text that the hosted service answers with, where clients know it.
    let message: String
    /// What a program tells refusals of one status apart by.
    let errorCode: String?
    /// Whether a client that repeats the request unasked may succeed; nil leaves that to its own rules.
    let shouldRetry: Bool?

    init(_ status: Int, _ message: String, errorCode: String? = nil, shouldRetry: Bool? = nil) {
        self.status = status
        self.message = message
        self.errorCode = errorCode
        self.shouldRetry = shouldRetry
    }

    private struct Body: Encodable {
        let code: Int
        let message: String
        let errorCode: String?

        enum CodingKeys: String, CodingKey {
            case code, message
            case errorCode = "error_code"
        }
    }

    var answer: Answer {
        get throws {
            var answer = try Answer(status, Body(code: status, message: message, errorCode: errorCode))
            if let shouldRetry { answer.headers["Should-Retry"] = shouldRetry ? "true" : "false" }
            return answer
        }
    }
}

extension RESTError {
    static func badRequest(_ message: String) -> RESTError { RESTError(400, message) }

    /// The hosted service's words; whether a sandbox is somebody else's or nobody's can not be told from them.
    static func noSandbox(_ id: String) -> RESTError {
        RESTError(404, "Sandbox \"\(id)\" doesn't exist or you don't have access to it")
    }

    static func noTemplate(_ name: String) -> RESTError { RESTError(404, "template '\(name)' not found") }

    /// Something of E2B's that is not there.
    static func missing(_ what: String) -> RESTError {
        RESTError(501, "This version of Martlet does not have \(what)", shouldRetry: false)
    }

    static let unauthorized = RESTError(
        401,
        "The API key in X-API-KEY is missing or wrong; 'martlet env' prints the one of this installation"
    )
}
