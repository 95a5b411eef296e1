/// A request or response that can not be served as it is.
package struct HTTPError: Error, Sendable, CustomStringConvertible {
    /// The status that a server answers with.
    package let status: Int
    package let message: String
    /// What a server said with the status, where it is one that refused to switch protocols; at most 64 KiB.
    package let answer: [UInt8]

    package init(_ status: Int, _ message: String, answer: [UInt8] = []) {
        self.status = status
        self.message = message
        self.answer = answer
    }

    package var description: String { message }

    static func badRequest(_ message: String) -> HTTPError { HTTPError(400, message) }
}

/// How much a peer may send before it is refused.
package struct HTTPLimits: Sendable {
    /// Bytes of a head, and of a chunked body's trailer.
    package var head = 64 * 1024
    package var fields = 200
    /// From the first byte of a head to its last, so that a slow head can not hold a connection.
    package var headTime = Duration.seconds(10)
    /// Without a byte of a body that is wanted whole. One that is passed on may rest for as long as its sender likes.
    package var bodyTime = Duration.seconds(60)
    /// How many answers may say that the real one is still to come.
    package var interimAnswers = 16
    /// Between two requests on one connection.
    package var idleTime = Duration.seconds(120)
    /// For the rest of a body that nobody wanted, and for a peer to take notice of a close.
    package var drainTime = Duration.seconds(2)

    package init() {}
}
