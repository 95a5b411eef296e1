/// A connection that could not be made, made secure, or kept secure.
package struct TLSError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The host's name has no address.
        package static let unknownHost = Code(rawValue: "unknown_host")
        /// No connection came about, or not in time.
        package static let unreachable = Code(rawValue: "unreachable")
        /// The proxy between us and the host did not connect us.
        package static let proxy = Code(rawValue: "proxy")
        /// The host could not show that it is who it should be.
        package static let certificate = Code(rawValue: "certificate")
        /// The authorities to trust could not be read.
        package static let trust = Code(rawValue: "trust")
        /// A server's own certificate or key can not be used or made.
        package static let identity = Code(rawValue: "identity")
        /// The two sides found no common protocol, or one broke it.
        package static let handshake = Code(rawValue: "handshake")
        /// The connection broke TLS after the handshake.
        package static let broken = Code(rawValue: "broken")
        /// The connection ended without TLS's own end: what came may not be all.
        package static let truncated = Code(rawValue: "truncated")
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { cause.map { "\(message): \($0)" } ?? message }
}
