import Glibc
import Linux
import Wire

/// The terminal that this process was started from, if it was.
enum Terminal {
    /// Its size; nil when the descriptor is none, or does not know.
    static func size(_ descriptor: Int32) -> TerminalSize? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return TerminalSize(cols: UInt32(size.ws_col), rows: UInt32(size.ws_row))
    }

    /// Runs `body` while the terminal hands over every key as it is, and puts the terminal back afterwards.
    static func raw<Result>(_ body: () async throws -> Result) async throws -> Result {
        var before = termios()
        guard tcgetattr(STDIN_FILENO, &before) == 0 else { return try await body() }
        var raw = before
        cfmakeraw(&raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        defer { tcsetattr(STDIN_FILENO, TCSANOW, &before) }
        return try await body()
    }
}
