/// A request with one answer.
public protocol UnaryCall: Sendable {
    associatedtype Request: Codable & Sendable
    associatedtype Response: Codable & Sendable
    /// `package.Service/Method`; never changes.
    static var name: String { get }
}

/// A request with a stream of events for an answer.
public protocol StreamingCall: Sendable {
    associatedtype Request: Codable & Sendable
    associatedtype Event: Codable & Sendable
    /// `package.Service/Method`; never changes.
    static var name: String { get }
}

/// A request made of a stream of messages, with one answer.
public protocol ClientStreamingCall: Sendable {
    associatedtype Message: Codable & Sendable
    associatedtype Response: Codable & Sendable
    /// `package.Service/Method`; never changes.
    static var name: String { get }
}

/// An empty message.
public struct Empty: Codable, Sendable, Hashable {
    public init() {}
}

/// Why a call failed, as it crosses the wire: <https://connectrpc.com/docs/protocol/#error-codes>.
public struct CallError: Error, Codable, Sendable, Hashable, CustomStringConvertible {
    /// A code of the Connect protocol; unknown ones are kept as they came.
    public struct Code: RawRepresentable, Codable, Sendable, Hashable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let canceled = Code(rawValue: "canceled")
        public static let unknown = Code(rawValue: "unknown")
        public static let invalidArgument = Code(rawValue: "invalid_argument")
        public static let deadlineExceeded = Code(rawValue: "deadline_exceeded")
        public static let notFound = Code(rawValue: "not_found")
        public static let alreadyExists = Code(rawValue: "already_exists")
        public static let permissionDenied = Code(rawValue: "permission_denied")
        public static let resourceExhausted = Code(rawValue: "resource_exhausted")
        public static let failedPrecondition = Code(rawValue: "failed_precondition")
        public static let aborted = Code(rawValue: "aborted")
        public static let outOfRange = Code(rawValue: "out_of_range")
        public static let unimplemented = Code(rawValue: "unimplemented")
        public static let internalError = Code(rawValue: "internal")
        public static let unavailable = Code(rawValue: "unavailable")
        public static let dataLoss = Code(rawValue: "data_loss")
        public static let unauthenticated = Code(rawValue: "unauthenticated")
    }

    public let code: Code
    /// A whole sentence for the person who made the call.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
