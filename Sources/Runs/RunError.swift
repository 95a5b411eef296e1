import Wire

/// A run that can not be started, found or gone on with.
package struct RunError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        package static let invalidOptions = Code(rawValue: "invalid_options")
        package static let notResumable = Code(rawValue: "not_resumable")
        package static let tooLarge = Code(rawValue: "too_large")
        package static let notAllowed = Code(rawValue: "not_allowed")
        package static let noCredential = Code(rawValue: "no_credential")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
