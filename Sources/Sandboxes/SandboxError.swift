/// A sandbox or template that could not be made, found or used.
package struct SandboxError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: "not_found")
        package static let templateNotFound = Code(rawValue: "template_not_found")
        package static let templateBroken = Code(rawValue: "template_broken")
        package static let startFailed = Code(rawValue: "start_failed")
        package static let tooMany = Code(rawValue: "too_many_sandboxes")
        package static let ended = Code(rawValue: "ended")
        /// It asks for what there is not.
        package static let invalidRequest = Code(rawValue: "invalid_request")
        /// It rests, and has to be resumed first.
        package static let paused = Code(rawValue: "paused")
        /// It could not be saved, and goes on.
        package static let pauseFailed = Code(rawValue: "pause_failed")
        /// It could not go on from what was saved, and rests as before.
        package static let resumeFailed = Code(rawValue: "resume_failed")
        package static let noSpace = Code(rawValue: "no_space")
        package static let shuttingDown = Code(rawValue: "shutting_down")
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
