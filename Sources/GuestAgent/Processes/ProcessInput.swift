import CLinux
import Linux
import Synchronization
import Wire

/// The way into a process.
final class ProcessInputs: Sendable {
    private enum State {
        /// It was started without; terminal.
        case none
        /// May become `closed`.
        case pipe(Channel)
        /// May become `closed`.
        case terminal(Channel, Descriptor)
        /// Terminal.
        case closed
    }

    private let state: Mutex<State>
    private let lastSize = Mutex(TerminalSize(cols: 80, rows: 24))
    /// A channel takes one writer at a time, and messages must not mix.
    private let turns = AsyncLock()

    static func none() -> ProcessInputs { ProcessInputs(.none) }
    static func pipe(_ channel: Channel) -> ProcessInputs { ProcessInputs(.pipe(channel)) }
    static func terminal(_ channel: Channel, _ primary: Descriptor, _ size: TerminalSize) -> ProcessInputs {
        let inputs = ProcessInputs(.terminal(channel, primary))
        inputs.lastSize.withLock { $0 = size }
        return inputs
    }

    /// The terminal's size, as it was set last.
    var size: TerminalSize { lastSize.withLock { $0 } }

    private init(_ state: State) {
        self.state = Mutex(state)
    }

    /// Writes, and waits until the process has taken it or its pipe has.
    func write(_ input: ProcessInput) async throws {
        try await turns.withLock { [self] in
            let (channel, bytes) = try target(of: input)
            do {
                try await channel.write(bytes)
            } catch is LinuxError {
                throw CallError(.failedPrecondition, "The process does not read its input any more")
            }
        }
    }

    private func target(of input: ProcessInput) throws(CallError) -> (Channel, [UInt8]) {
        switch (state.withLock { $0 }, input.stdin, input.pty) {
        case (.pipe(let channel), let bytes?, nil), (.terminal(let channel, _), nil, let bytes?):
            return (channel, Array(bytes))
        case (.pipe, nil, _?):
            throw CallError(.failedPrecondition, "The process has no terminal; write to its stdin")
        case (.terminal, _?, nil):
            throw CallError(.failedPrecondition, "The process has a terminal; write to its pty")
        case (.none, _, _):
            throw CallError(.failedPrecondition, "The process was started without an input")
        case (.closed, _, _):
            throw CallError(.failedPrecondition, "The input of the process is closed")
        case (.pipe, _, _), (.terminal, _, _):
            throw CallError(.invalidArgument, "An input has either stdin or pty")
        }
    }

    /// Says the end of standard input; what was written before is still delivered.
    func end() async throws {
        try await turns.withLock { [self] in
            switch state.withLock({ $0 }) {
            case .pipe: close()
            case .terminal:
                throw CallError(.failedPrecondition, "A terminal can not be closed; send it an end-of-file character")
            case .none, .closed: return
            }
        }
    }

    func resize(_ size: TerminalSize) throws(CallError) {
        guard case .terminal(_, let primary) = state.withLock({ $0 }) else {
            throw CallError(.failedPrecondition, "The process has no terminal")
        }
        let columns = UInt16(clamping: size.cols)
        let rows = UInt16(clamping: size.rows)
        guard clinux_set_window_size(primary.raw, columns, rows) == 0 else {
            throw CallError(LinuxError("set the size of a terminal"))
        }
        lastSize.withLock { $0 = size }
    }

    /// Signals what runs in the foreground of the terminal, as its keys do; false where that is not possible.
    func signalForeground(_ number: Int32) -> Bool {
        guard case .terminal(_, let primary) = state.withLock({ $0 }) else { return false }
        return clinux_signal_foreground(primary.raw, number) == 0
    }

    /// Closes at once; whoever writes fails.
    func close() {
        let channel: Channel? = state.withLock { state in
            switch state {
            case .pipe(let channel), .terminal(let channel, _):
                state = .closed
                return channel
            case .none, .closed: return nil
            }
        }
        channel?.close()
    }
}
