import Linux

/// A snapshot that could not be written, found or used.
package struct SnapshotError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        /// Something is missing at the end of one of its files, or the whole file.
        package static let truncated = Code(rawValue: "truncated")
        /// One of its files is not what was written.
        package static let damaged = Code(rawValue: "damaged")
        /// Written by another version, or for another engine, processor or guest agent.
        package static let incompatible = Code(rawValue: "incompatible")
        package static let noSpace = Code(rawValue: "no_space")
        /// Written or read was something else: the cause says what.
        package static let failed = Code(rawValue: "failed")
    }

    package let code: Code
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        if let cause { "\(message): \(cause)" } else { message }
    }
}
