import Arguments

/// The status a command ends with.
package typealias Status = Arguments.ExitStatus

extension Status {
    /// `martlet exec` failed before or beside the program that it was to run.
    package static let execFailed = Status(rawValue: 125)

    /// Ended by a signal, as a shell reports it.
    package static func signalled(_ signal: Int32) -> Status { Status(rawValue: 128 + signal) }
}

/// A command that could not be done.
package struct CommandsError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Hashable {
        package let rawValue: String

        package init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// What was given on the line or on standard input can not be used; nothing was started.
        package static let unusableInput = Code(rawValue: "unusableInput")
        package static let daemonNotStarted = Code(rawValue: "daemonNotStarted")
        package static let daemonUnreachable = Code(rawValue: "daemonUnreachable")
        package static let daemonLost = Code(rawValue: "daemonLost")
        /// The daemon runs, and not with the model that this command is to use.
        package static let otherModel = Code(rawValue: "otherModel")
        /// The sandbox of a program is no more.
        package static let sandboxEnded = Code(rawValue: "sandboxEnded")
        /// What was asked for needs a daemon that serves TLS.
        package static let noTLS = Code(rawValue: "noTLS")
        package static let toolFailed = Code(rawValue: "toolFailed")
        package static let notWritten = Code(rawValue: "notWritten")
    }

    package let code: Code
    /// A whole sentence: what did not happen, to what, and what to do next.
    package let message: String
    package let cause: (any Error)?

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String {
        cause.map { "\(message) (\($0))" } ?? message
    }
}

extension Status {
    /// What a command's error means to whoever started it.
    package init(_ error: any Error) {
        switch error {
        case is ArgumentsError: self = .usage
        case let error as CommandsError where error.code == .unusableInput: self = .usage
        default: self = .failure
        }
    }
}
