/// A policy that can not be.
package struct EgressError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let invalid = Code(rawValue: "invalid")
        /// Names are allowed, but nothing is denied: the rule would have no effect.
        package static let namesWithoutDenial = Code(rawValue: "names_without_denial")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
