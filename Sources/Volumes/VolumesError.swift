import Glibc
import Linux

/// A volume, or a file in one, that could not be made, found or changed.
package struct VolumesError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// There is no such volume, for this owner.
        package static let notFound = Code(rawValue: "volume_not_found")
        /// The owner has another volume of that name.
        package static let nameTaken = Code(rawValue: "volume_name_taken")
        package static let tooMany = Code(rawValue: "too_many_volumes")
        /// The token is not that of the volume.
        package static let unauthorized = Code(rawValue: "unauthorized")
        /// The key that tokens are derived from can not be used, or should not be.
        package static let key = Code(rawValue: "volume_key")
        /// There is nothing at a path.
        package static let pathNotFound = Code(rawValue: "path_not_found")
        /// There is something at a path already.
        package static let pathExists = Code(rawValue: "path_exists")
        /// What was asked for can not be meant.
        package static let invalid = Code(rawValue: "invalid")
        /// The daemon may not do that on this host.
        package static let denied = Code(rawValue: "permission_denied")
        package static let noSpace = Code(rawValue: "no_space")
        /// Others change the path at this moment.
        package static let busy = Code(rawValue: "busy")
        /// The host's file system failed.
        package static let failed = Code(rawValue: "failed")
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

extension VolumesError {
    /// What a system call on a path says, in words that tell nothing about where the volume is on this host.
    init(_ error: LinuxError, at path: VolumePath) {
        switch error.code {
        case .notFound: self.init(.pathNotFound, "There is nothing at '\(path)'")
        // Part of the path is a file: below it there is nothing either.
        case .notDirectory: self.init(.pathNotFound, "A part of '\(path)' is not a directory")
        case .exists: self.init(.pathExists, "There is something at '\(path)' already")
        case .isDirectory: self.init(.invalid, "'\(path)' is a directory")
        case .tooManyLinks: self.init(.invalid, "The links of '\(path)' lead in a circle")
        case .nameTooLong: self.init(.invalid, "'\(path)' is too long")
        case .denied, .notPermitted:
            self.init(.denied, "The rights of '\(path)' do not let Martlet's daemon do that")
        case .noSpace, .overQuota: self.init(.noSpace, "There is no space left for '\(path)'")
        case .wouldBlock: self.init(.busy, "Others move '\(path)' or what is above it; try again")
        default: self.init(.failed, "'\(path)' can not be used: \(String(cString: strerror(error.code.rawValue)))")
        }
    }
}
