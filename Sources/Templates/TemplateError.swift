import Linux

/// A template that could not be built.
package struct TemplateError: Error, Sendable, CustomStringConvertible {
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// There is no recipe of that name.
        package static let unknownRecipe = Code(rawValue: "unknown_recipe")
        /// A size or a path of the request can not be used.
        package static let invalidRequest = Code(rawValue: "invalid_request")
        /// Programs of the host are not installed.
        package static let toolsMissing = Code(rawValue: "tools_missing")
        /// The guest's agent is not where this program looks for it.
        package static let guestMissing = Code(rawValue: "guest_missing")
        /// A program of the host ran and failed.
        package static let toolFailed = Code(rawValue: "tool_failed")
        /// Something could not be fetched.
        package static let downloadFailed = Code(rawValue: "download_failed")
        /// What was fetched is not what the recipe names.
        package static let digestMismatch = Code(rawValue: "digest_mismatch")
        /// The kernel's image is of another kind than this can unpack.
        package static let badKernel = Code(rawValue: "bad_kernel")
        /// A step of the template ran and failed.
        package static let stepFailed = Code(rawValue: "step_failed")
        /// There is no such build, or no such files.
        package static let notFound = Code(rawValue: "not_found")
        /// The build is not in a state for this.
        package static let conflict = Code(rawValue: "conflict")
        /// An image that can not be used: damaged, forged, or of another kind.
        package static let badImage = Code(rawValue: "bad_image")
        /// A template that was made elsewhere and can not run here.
        package static let incompatible = Code(rawValue: "incompatible")
        package static let cancelled = Code(rawValue: "cancelled")
        package static let noSpace = Code(rawValue: "no_space")
        /// The guest did not answer in time, or its machine ended.
        package static let bootFailed = Code(rawValue: "boot_failed")
        /// The guest answers, and what it must be able to do fails in it.
        package static let guestFailed = Code(rawValue: "guest_failed")
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
