/// A schema that could not be used.
package struct JSONSchemaError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it was. More may be added.
    package struct Code: Sendable, Hashable, RawRepresentable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// A keyword has a value it cannot have.
        package static let invalidKeyword = Code(rawValue: "invalidKeyword")
        /// A `$ref` or `$dynamicRef` names nothing.
        package static let unresolvedReference = Code(rawValue: "unresolvedReference")
        /// References lead back to themselves without ever entering the instance.
        package static let endlessReference = Code(rawValue: "endlessReference")
        /// `$schema` asks for rules that are not known here.
        package static let unknownDialect = Code(rawValue: "unknownDialect")
        /// The schema is larger or deeper than is accepted.
        package static let tooLarge = Code(rawValue: "tooLarge")
        /// A Swift type from which no schema can be recorded.
        package static let unrecordableType = Code(rawValue: "unrecordableType")
    }

    package let code: Code
    /// What is wrong, where, and what to do about it.
    package let message: String
    /// The JSON Pointer to the fault; empty for the whole schema.
    package let pointer: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, at pointer: String = "", cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.pointer = pointer
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(message) (\($0))" } ?? message
    }
}
