import CLinux
import Glibc

/// How this process's terminal treats keys.
package enum TerminalMode {
    /// Runs `body` while the terminal hands over every key as it is, Ctrl-C too, and puts it back afterwards.
    ///
    /// It is also put back when the process ends otherwise: by `exit`, by a signal, by a crash. Where standard input is no
    /// terminal, `body` is just run.
    package static func raw<Result>(_ body: () async throws -> Result) async throws -> Result {
        guard clinux_make_terminal_raw(STDIN_FILENO) == 0 else { return try await body() }
        defer { restore() }
        return try await body()
    }

    /// Puts the terminal back now; for ends that unwind nothing.
    package static func restore() {
        clinux_restore_terminal()
    }
}
