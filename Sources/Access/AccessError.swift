/// A key that could not be made, found or changed.
package struct AccessError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        package static let invalidName = Code(rawValue: "invalid_name")
        package static let invalidBudget = Code(rawValue: "invalid_budget")
        package static let tooMany = Code(rawValue: "too_many")
        /// The installation's own key can not be taken away by a call.
        package static let inUse = Code(rawValue: "in_use")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
