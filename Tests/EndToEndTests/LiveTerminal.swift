import CLinux
import Glibc
import Linux
import Synchronization

/// A program at a terminal of its own, with a person at the other end.
final class LiveTerminal: Sendable {
    private struct State {
        var shown: [UInt8] = []
        /// How much of it was waited for already.
        var seen = 0
        var expected: (text: String, latch: Latch<Bool>)?
        var isOver = false
    }

    let child: ChildProcess
    private let keyboard: Channel
    /// The terminal itself, as the program has it; held open, so that its settings can be looked at after the end.
    private let terminal: Descriptor
    private let state = Mutex(State())

    private init(_ child: ChildProcess, _ keyboard: Channel, _ terminal: Descriptor) {
        self.child = child
        self.keyboard = keyboard
        self.terminal = terminal
    }

    /// Starts a program in a terminal of this size and calls `body`; gives the program's status when both have ended.
    static func with(
        _ path: String,
        _ arguments: [String],
        environment: [String: String],
        directory: String,
        columns: UInt16 = 100,
        rows: UInt16 = 30,
        _ body: @Sendable @escaping (LiveTerminal) async throws -> Void
    ) async throws -> ExitStatus {
        var subsidiary: Int32 = -1
        let primary = Descriptor(owning: clinux_open_pty(&subsidiary))
        let terminal = Descriptor(owning: subsidiary)
        guard primary.raw >= 0, clinux_set_window_size(terminal.raw, columns, rows) == 0 else {
            throw Unexpected("There is no terminal to be had")
        }
        var spawn = Spawn(
            path: path,
            arguments: [path] + arguments,
            environment: environment,
            input: terminal,
            output: terminal,
            error: terminal
        )
        spawn.directory = directory
        spawn.startsSession = true
        spawn.takesTerminal = true
        let live = LiveTerminal(try ChildProcess.start(spawn), try Channel(primary), terminal)
        return try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await live.watch() }
                defer { group.cancelAll() }
                do {
                    try await body(live)
                    return try await live.child.exit.value()
                } catch {
                    live.child.send(SIGKILL)
                    throw error
                }
            }
        } onCancel: {
            live.child.send(SIGKILL)
        }
    }

    /// Presses keys.
    func types(_ keys: String) async throws {
        try await keyboard.write(Array(keys.utf8))
    }

    /// Waits until `text` is shown, behind all that was waited for before.
    func shows(_ text: String) async throws {
        let latch = Latch<Bool>()
        state.withLock { state in
            if Self.find(text, &state) { return latch.set(true) }
            if state.isOver { return latch.set(false) }
            state.expected = (text, latch)
        }
        let isShown = (try? await withDeadline(.seconds(150)) { try await latch.value() }) ?? false
        guard isShown else { throw Unexpected("'\(text)' was never shown, but: \(shown)") }
    }

    func resize(columns: UInt16, rows: UInt16) {
        // The kernel tells the program by SIGWINCH.
        _ = clinux_set_window_size(terminal.raw, columns, rows)
    }

    /// Whether the terminal edits and echoes lines, as it did before the program came.
    var isCooked: Bool {
        var settings = termios()
        tcgetattr(terminal.raw, &settings)
        let cooked = tcflag_t(ICANON | ECHO | ISIG)
        return settings.c_lflag & cooked == cooked
    }

    var shown: String { state.withLock { String(decoding: $0.shown, as: UTF8.self) } }

    private func watch() async throws {
        let exit = child.exit
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in while try await showNext() {} }
            group.addTask { _ = try await exit.value() }
            try await group.next()
            group.cancelAll()
        }
        // Its last words, which nothing follows: the terminal is held open by us.
        while keyboard.hasInput, try await showNext() {}
        state.withLock { state in
            state.isOver = true
            state.expected?.latch.set(false)
        }
    }

    private func showNext() async throws -> Bool {
        let bytes = try await keyboard.read(upTo: 65_536)
        state.withLock { state in
            state.shown += bytes
            if let (text, latch) = state.expected, Self.find(text, &state) {
                state.expected = nil
                latch.set(true)
            }
        }
        return !bytes.isEmpty
    }

    private static func find(_ text: String, _ state: inout State) -> Bool {
        let wanted = Array(text.utf8)
        guard state.shown.count >= wanted.count else { return false }
        for start in state.seen...max(state.seen, state.shown.count - wanted.count)
        where state.shown[start...].starts(with: wanted) {
            state.seen = start + wanted.count
            return true
        }
        return false
    }
}

extension Installation {
    /// Runs `martlet` at a terminal of 100 by 30 characters.
    func atTerminal(
        _ arguments: [String],
        _ body: @Sendable @escaping (LiveTerminal) async throws -> Void
    ) async throws -> ExitStatus {
        var environment = environment
        environment["TERM"] = "xterm"
        // At a terminal, Swift's own handler would ask what to do about a crash.
        environment["SWIFT_BACKTRACE"] = "enable=no"
        let (variables, directory) = (environment, "\(root)/work")
        return try await withDeadline(Self.deadline) {
            try await LiveTerminal.with(
                Self.binary,
                arguments,
                environment: variables,
                directory: directory,
                body
            )
        }
    }
}
