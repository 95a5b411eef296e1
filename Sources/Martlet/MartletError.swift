/// Why something with a sandbox could not be done.
public struct MartletError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; later versions may have more.
    public struct Code: RawRepresentable, Sendable, Hashable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// No daemon answers, or it does not accept the key.
        public static let daemonUnreachable = Code(rawValue: "daemonUnreachable")
        /// There is no such sandbox, template or file, or no more.
        public static let notFound = Code(rawValue: "notFound")
        /// A program ended with another status than zero, where that was asked to be an error.
        public static let programFailed = Code(rawValue: "programFailed")
        /// What was asked for can not be done as it was asked.
        public static let invalidRequest = Code(rawValue: "invalidRequest")
        /// Anything else; the cause says more.
        public static let failed = Code(rawValue: "failed")
    }

    public let code: Code
    /// A whole sentence: what did not happen, and to what.
    public let message: String
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String { cause.map { "\(message) (\($0))" } ?? message }
}
