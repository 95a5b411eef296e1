/// A secret that could not be stored, found or opened. No message holds a value.
package struct SecretsError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        package static let nameTaken = Code(rawValue: "name_taken")
        package static let invalid = Code(rawValue: "invalid")
        /// The key file can not be used, or should not be.
        package static let key = Code(rawValue: "key")
        /// What is stored was not sealed with this key, or was changed since.
        package static let sealBroken = Code(rawValue: "seal_broken")
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
