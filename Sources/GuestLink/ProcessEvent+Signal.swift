import Glibc
import Wire

extension ProcessEvent.End {
    /// The signals by the words that a guest tells them with.
    private static let signals: [String: Int32] = Dictionary(
        (1..<32).compactMap { number in strsignal(number).map { (String(cString: $0).lowercased(), number) } },
        uniquingKeysWith: { first, _ in first }
    )

    /// The signal that ended the process; nil when it exited. One that nobody knows counts as SIGKILL.
    package var signal: Int32? {
        guard exited == false else { return nil }
        return Self.signals[status?.replacing("signal: ", with: "") ?? ""] ?? SIGKILL
    }
}
