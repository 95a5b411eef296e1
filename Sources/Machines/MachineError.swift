import Linux

/// A machine that could not be made, restored or steered.
package struct MachineError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The engine's program is not installed.
        package static let engineMissing = Code(rawValue: "engine_missing")
        /// The engine could not be started or ended at once.
        package static let startFailed = Code(rawValue: "start_failed")
        /// The guest did not answer in time.
        package static let bootTimedOut = Code(rawValue: "boot_timed_out")
        /// Saved state that this engine can not load.
        package static let incompatible = Code(rawValue: "incompatible")
        /// The engine refused a command.
        package static let commandFailed = Code(rawValue: "command_failed")
        /// The machine has ended.
        package static let gone = Code(rawValue: "gone")
        /// Only a machine that was resumed can be saved by what it wrote.
        package static let notResumed = Code(rawValue: "not_resumed")
        package static let noSpace = Code(rawValue: "no_space")
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
        if let cause { "\(message) (\(cause))" } else { message }
    }
}
