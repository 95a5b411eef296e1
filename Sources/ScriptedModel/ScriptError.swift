/// A script that is wrong, or a request that it can not answer.
package struct ScriptError: Error, Sendable, CustomStringConvertible {
    /// What a caller may branch on.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The script is no JSON, or does not say what a script says.
        package static let malformed = Code(rawValue: "malformed")
        /// No conversation of the script is meant for the request.
        package static let noConversation = Code(rawValue: "no-conversation")
        /// A value that a step needs is not in the tool results.
        package static let notCaptured = Code(rawValue: "not-captured")
        /// The request offers no result tool, or several.
        package static let noResultTool = Code(rawValue: "no-result-tool")
    }

    package let code: Code
    /// Where in the script, as in `steps[2].tools[0].input`; empty for the whole.
    package let place: String
    package let message: String

    init(_ code: Code, at place: String, _ message: String) {
        self.code = code
        self.place = place
        self.message = message
    }

    static func malformed(_ place: String, _ problem: String) -> ScriptError {
        ScriptError(.malformed, at: place, "The script is wrong at '\(place.isEmpty ? "the top" : place)': \(problem)")
    }

    package var description: String { message }
}
