/// A tool that can not be offered, or a stream of messages that can not be gone on with.
package struct MCPError: Error, Sendable, CustomStringConvertible {
    /// What a caller may branch on.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let badToolName = Code(rawValue: "bad-tool-name")
        package static let messageTooLarge = Code(rawValue: "message-too-large")
    }

    package let code: Code
    package let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
