/// A run of an agent that could not begin, or did not come to its end.
///
/// A run that did come to its end badly, for instance at its limit of turns, is no error but a ``ResultMessage``.
public struct AgentError: Error, Sendable, CustomStringConvertible {
    /// What a caller may branch on. More may be added.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// No Claude Code was found.
        public static let programNotFound = Code(rawValue: "programNotFound")
        /// The program could not be started.
        public static let launchFailed = Code(rawValue: "launchFailed")
        /// The options contradict each other, or hold what no agent could use.
        public static let badOptions = Code(rawValue: "badOptions")
        /// The program did not answer in time after it was started.
        public static let startupTimedOut = Code(rawValue: "startupTimedOut")
        /// The program wrote nothing for too long; it was ended.
        public static let silent = Code(rawValue: "silent")
        /// The program's output was cut. Its exit status says nothing about that: it may be 0.
        public static let outputCut = Code(rawValue: "outputCut")
        /// The program ended before it gave the result of a prompt.
        public static let noResult = Code(rawValue: "noResult")
        /// The program ended with an error that no result explains.
        public static let exited = Code(rawValue: "exited")
        /// The program wrote a line longer than ``AgentLimits/line``.
        public static let lineTooLong = Code(rawValue: "lineTooLong")
        /// Nobody took the messages, and they passed ``AgentLimits/unread``.
        public static let tooMuchUnread = Code(rawValue: "tooMuchUnread")
        /// The way to the program broke.
        public static let connectionLost = Code(rawValue: "connectionLost")
        /// The program refused a request such as a change of the model.
        public static let refused = Code(rawValue: "refused")
        /// The program did not answer a request such as a change of the model.
        public static let unanswered = Code(rawValue: "unanswered")
        /// The session was closed by this program.
        public static let closed = Code(rawValue: "closed")
        /// The agent gave no result of the type that was asked for, or one that does not fit it.
        public static let badResult = Code(rawValue: "badResult")
        /// A Swift type from which no schema can be made.
        public static let badSchema = Code(rawValue: "badSchema")
    }

    public let code: Code
    /// A whole sentence: what did not happen, and what to do about it.
    public let message: String
    /// How the program ended, if it has.
    public var exit: AgentExit?
    /// The last that the program wrote to its standard error.
    public var errorText = ""
    /// The beginnings of the last lines of its output.
    public var lastLines: [String] = []
    /// The result that came, where there is one.
    public var result: ResultMessage?
    public var cause: (any Error)?

    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    public var description: String {
        var text = message
        if let cause { text += " (\(cause))" }
        if let exit { text += "; it \(exit)" }
        if let errors = result?.errors, !errors.isEmpty {
            text += "; its result says: \(errors.joined(separator: "; "))"
        }
        if !errorText.isEmpty { text += "; its standard error ends: \(errorText)" }
        return text
    }
}
