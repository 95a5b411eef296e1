import Glibc

/// A system call that failed.
package struct LinuxError: Error, Sendable, CustomStringConvertible {
    /// What a caller may branch on: the error number of the call.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: Int32
        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let notFound = Code(rawValue: ENOENT)
        package static let exists = Code(rawValue: EEXIST)
        package static let denied = Code(rawValue: EACCES)
        package static let notPermitted = Code(rawValue: EPERM)
        package static let overQuota = Code(rawValue: EDQUOT)
        package static let invalid = Code(rawValue: EINVAL)
        package static let nameTooLong = Code(rawValue: ENAMETOOLONG)
        package static let tooManyLinks = Code(rawValue: ELOOP)
        package static let noSpace = Code(rawValue: ENOSPC)
        package static let brokenPipe = Code(rawValue: EPIPE)
        package static let reset = Code(rawValue: ECONNRESET)
        package static let refused = Code(rawValue: ECONNREFUSED)
        package static let addressInUse = Code(rawValue: EADDRINUSE)
        package static let wouldBlock = Code(rawValue: EWOULDBLOCK)
        package static let notDirectory = Code(rawValue: ENOTDIR)
        package static let isDirectory = Code(rawValue: EISDIR)
        package static let badDescriptor = Code(rawValue: EBADF)
    }

    package let code: Code
    /// A whole sentence: what did not happen, to what.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Makes the error of the call that has just failed on this thread.
    package init(errno number: Int32 = Glibc.errno, _ action: String) {
        self.init(Code(rawValue: number), "Could not \(action): \(String(cString: strerror(number)))")
    }

    package var description: String { message }
}

/// Repeats a call that a signal interrupted, and throws when it fails.
@discardableResult
package func check<Result: SignedInteger>(
    _ action: @autoclosure () -> String,
    _ call: () -> Result
) throws(LinuxError) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        if errno != EINTR { throw LinuxError(action()) }
    }
}
