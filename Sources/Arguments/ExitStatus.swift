/// The status a process ends with.
///
/// A program that runs in a sandbox hands its own status through; 125 to 127 then mean what they mean to a shell.
package struct ExitStatus: RawRepresentable, Sendable, Hashable {
    package var rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    package static let success = ExitStatus(rawValue: 0)
    package static let failure = ExitStatus(rawValue: 1)
    /// The line was not understood: for an ``ArgumentsError``.
    package static let usage = ExitStatus(rawValue: 2)
}
