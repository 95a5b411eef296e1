import Glibc
import Wire

/// The terminal that this process was started from, if it was.
enum Terminal {
    /// Its size; nil when the descriptor is none, or does not know.
    static func size(_ descriptor: Int32) -> TerminalSize? {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return nil }
        return TerminalSize(cols: UInt32(size.ws_col), rows: UInt32(size.ws_row))
    }
}
