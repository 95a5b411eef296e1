import Wire

/// A refusal as programs for Freestyle understand it; they branch on the code.
struct FreestyleError: Error, Sendable, Hashable {
    /// A code of the API; it is open, and never changes its meaning.
    struct Code: RawRepresentable, Sendable, Hashable {
        let rawValue: String
        init(rawValue: String) { self.rawValue = rawValue }

        static let badRequest = Code(rawValue: "BAD_REQUEST")
        static let unauthorized = Code(rawValue: "UNAUTHORIZED")
        static let forbidden = Code(rawValue: "FORBIDDEN")
        static let notFound = Code(rawValue: "NOT_FOUND")
        static let methodNotAllowed = Code(rawValue: "METHOD_NOT_ALLOWED")
        static let timeout = Code(rawValue: "TIMEOUT")
        static let conflict = Code(rawValue: "CONFLICT")
        static let nonResponsive = Code(rawValue: "VM_NON_RESPONSIVE")
        static let payloadTooLarge = Code(rawValue: "PAYLOAD_TOO_LARGE")
        static let rangeNotSatisfiable = Code(rawValue: "RANGE_NOT_SATISFIABLE")
        static let limitExceeded = Code(rawValue: "LIMIT_EXCEEDED")
        static let unstorable = Code(rawValue: "BACKGROUND_RESULT_UNSTORABLE")
        static let internalError = Code(rawValue: "INTERNAL_ERROR")
        static let notImplemented = Code(rawValue: "NOT_IMPLEMENTED")
        static let unavailable = Code(rawValue: "UNAVAILABLE")
    }

    let status: Int
    let code: Code
    /// A whole sentence.
    let message: String

    init(_ status: Int, _ code: Code, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    func answer(_ generation: Generation) -> Answer {
        let name = generation == .fifth ? "code" : "error"
        return Answer(status, .object([name: .string(code.rawValue), "message": .string(message)]))
    }
}

extension FreestyleError {
    static func badRequest(_ message: String) -> FreestyleError { FreestyleError(400, .badRequest, message) }
    static func conflict(_ message: String) -> FreestyleError { FreestyleError(409, .conflict, message) }
    static func notFound(_ message: String) -> FreestyleError { FreestyleError(404, .notFound, message) }

    /// Whether a machine is somebody else's or nobody's can not be told from these words.
    static func noVM(_ name: String) -> FreestyleError { notFound("There is no VM '\(name)'") }

    static func noSnapshot(_ name: String) -> FreestyleError { notFound("There is no snapshot '\(name)'") }

    /// Something of Freestyle's that is not there.
    static func missing(_ what: String) -> FreestyleError {
        FreestyleError(501, .notImplemented, "This version of Martlet does not have \(what)")
    }

    static let tlsRules =
        "TLS rules; keys that a VM is to use and not to have are given by rules of the installation, docs/network.md says how"

    static func nonResponsive(_ message: String) -> FreestyleError { FreestyleError(409, .nonResponsive, message) }

    static let unauthorized = FreestyleError(
        401,
        .unauthorized,
        "The API key in 'Authorization: Bearer' is missing or wrong; 'martlet env' prints the one of this installation"
    )
}
