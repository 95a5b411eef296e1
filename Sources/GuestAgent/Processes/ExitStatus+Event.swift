import Glibc
import Linux
import Wire

extension ProcessEvent.End {
    /// Tells an exit status as Go programs do, which is what E2B's clients expect.
    ///
    /// - Parameters:
    ///   - shortage: that the guest ran out of memory meanwhile, if it did.
    ///   - loss: why output is missing, if it is.
    init(_ status: ExitStatus, shortage: String? = nil, loss: String? = nil) {
        let code: Int32
        let text: String
        let exited: Bool
        switch status {
        case .exited(let number):
            (code, text, exited) = (number, "exit status \(number)", true)
        case .signalled(let signal):
            (code, text, exited) = (-1, "signal: \(Self.name(signal))", false)
        }
        let errors = [status.isSuccess ? nil : text, shortage, loss].compactMap { $0 }
        self.init(
            exitCode: code,
            exited: exited,
            status: text,
            error: errors.isEmpty ? nil : errors.joined(separator: "; ")
        )
    }

    private static func name(_ signal: Int32) -> String {
        strsignal(signal).map { String(cString: $0).lowercased() } ?? String(signal)
    }
}

/// The signals that a caller may send, by their names on the wire.
enum SignalName {
    private static let numbers: [String: Int32] = [
        "SIGNAL_SIGTERM": SIGTERM, "SIGNAL_SIGKILL": SIGKILL, "SIGNAL_SIGINT": SIGINT, "SIGNAL_SIGHUP": SIGHUP,
        "SIGNAL_SIGQUIT": SIGQUIT, "SIGNAL_SIGUSR1": SIGUSR1, "SIGNAL_SIGUSR2": SIGUSR2, "SIGNAL_SIGWINCH": SIGWINCH,
        "SIGNAL_SIGSTOP": SIGSTOP, "SIGNAL_SIGCONT": SIGCONT, "SIGNAL_SIGTSTP": SIGTSTP, "SIGNAL_SIGALRM": SIGALRM,
        "SIGNAL_SIGPIPE": SIGPIPE,
    ]

    /// The number of a signal that is named as people do, in either case.
    static func number(plain name: String) throws(CallError) -> Int32 { try number("SIGNAL_\(name.uppercased())") }

    static func number(_ name: String) throws(CallError) -> Int32 {
        guard let number = numbers[name] else {
            throw CallError(.unimplemented, "The signal '\(name)' can not be sent")
        }
        return number
    }
}
