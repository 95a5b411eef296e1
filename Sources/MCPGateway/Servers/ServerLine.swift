import Linux
import Wire

/// The way to one server, from its opening to its end.
package protocol ServerLine: Sendable {
    /// Carries what the server says to `take`, until the line ends.
    ///
    /// - Throws: ``ServerFailure`` that says why it ended.
    func run(_ take: @escaping @Sendable (JSONValue) async throws -> Void) async throws
    /// Sends one message. Where a line is made of requests, this returns when the answer to it has been taken.
    func send(_ message: JSONValue) async throws
    func close()
}

/// A server that could not be reached, or can not be gone on with.
package struct ServerFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// What one server may do at most.
enum ServerLimits {
    /// Bytes of one message.
    static let message = 8 * 1024 * 1024
    /// Messages in a second that nobody asked for.
    static let unasked = 2000
    /// Requests under way.
    static let pending = 256
    /// Things in one of its lists, and pages that the list comes in.
    static let listed = 10_000
    static let pages = 100
}
