import Arguments
import FoundationEssentials
import Glibc
import Linux
import RPC
import Wire

/// One program in a sandbox, joined to our standard streams and signals.
struct ExecSession: Sendable {
    /// Which program.
    enum Target: Sendable {
        case start(ProcessConfig)
        /// One that runs already.
        case join(UInt32)
    }

    /// How the session ended.
    enum End: Sendable {
        case exited(Status)
        /// The person has left; the process goes on.
        case detached(UInt32)
    }

    /// What becomes of our standard input.
    enum Input: Sendable {
        case none
        /// Handed on, end included.
        case stream
        /// Keys for the program's terminal, Ctrl-C among them.
        case terminal
        /// Keys for the program's terminal, but for those by which the person leaves.
        case detachableTerminal

        var isTerminal: Bool {
            switch self {
            case .none, .stream: false
            case .terminal, .detachableTerminal: true
            }
        }
    }

    /// Reaches the guest, as the user who runs the program.
    let client: CallClient
    let target: Target
    let input: Input

    /// Runs the program to its end, or until the person leaves it.
    func run() async throws -> End {
        let started = Latch<UInt32>()
        do {
            return try await withThrowingTaskGroup(of: End?.self) { group in
                group.addTask { .exited(try await follow(started)) }
                group.addTask {
                    let pid = try await started.value()
                    return try await forwardInput(to: ProcessSelector(pid: pid)) ? .detached(pid) : nil
                }
                defer { group.cancelAll() }
                // An input that has ended is not the program's end.
                while let end = try await group.next() {
                    if let end { return end }
                }
                throw CancellationError()
            }
        } catch {
            if case .detachableTerminal = input, let pid = started.current { await hangUp(ProcessSelector(pid: pid)) }
            throw error
        }
    }

    /// Tells a shell that its person has gone, as a terminal does that is closed.
    private func hangUp(_ selector: ProcessSelector) async {
        let request = SignalProcess.Request(process: selector, signal: "SIGNAL_SIGHUP")
        // In a task of its own: the session may have ended by being cancelled.
        await Task {
            _ = try? await withDeadline(.seconds(2)) { try await client.call(SignalProcess.self, request) }
        }.value
    }

    private func follow(_ started: Latch<UInt32>) async throws -> Status {
        switch target {
        case .start(var process):
            if input.isTerminal, process.envs?["TERM"] == nil {
                process.envs?["TERM"] = Program.variable("TERM") ?? "xterm"
            }
            let request = StartProcess.Request(
                process: process,
                pty: input.isTerminal ? TerminalRequest(size: Terminal.size(STDIN_FILENO)) : nil,
                stdin: { if case .stream = input { true } else { false } }()
            )
            return try await client.stream(StartProcess.self, request) { try await follow(&$0, started) }
        case .join(let pid):
            let request = ConnectProcess.Request(process: ProcessSelector(pid: pid))
            return try await client.stream(ConnectProcess.self, request) { events in
                // The terminal it joins may have another size than the one it was left at.
                if input.isTerminal { await resize(ProcessSelector(pid: pid)) }
                return try await follow(&events, started)
            }
        }
    }

    private func follow(
        _ events: inout MessageReader<ProcessStreamEvent>,
        _ started: Latch<UInt32>
    ) async throws -> Status {
        guard let pid = try await events.next()?.event.start?.pid else {
            throw CallError(.dataLoss, "The sandbox did not say which process it started")
        }
        started.set(pid)
        return try await Interrupts.shared.handled(by: forwarder(to: ProcessSelector(pid: pid))) {
            while let event = try await events.next()?.event {
                if let data = event.data { try await write(data) }
                if let end = event.end { return Self.status(end) }
            }
            throw CallError(.dataLoss, "The connection to the program ended before the program did")
        }
    }

    private func write(_ data: ProcessEvent.Output) async throws {
        for bytes in [data.stdout, data.pty].compactMap({ $0 }) { try await StandardStream.output.write(Array(bytes)) }
        if let bytes = data.stderr { try await StandardStream.error.write(Array(bytes)) }
    }

    /// Hands our input on until it ends; true when the person leaves.
    private func forwardInput(to selector: ProcessSelector) async throws -> Bool {
        if case .none = input { return false }
        let source = try StandardInput()
        var keys = DetachKeys()
        do {
            while true {
                var bytes = try await source.read()
                if bytes.isEmpty { break }
                var isLeaving = false
                if case .detachableTerminal = input { (bytes, isLeaving) = keys.read(bytes) }
                if !bytes.isEmpty { try await send(bytes, to: selector) }
                if isLeaving { return true }
            }
            if !input.isTerminal {
                _ = try await client.call(CloseProcessInput.self, CloseProcessInput.Request(process: selector))
            }
        } catch is CallError {
            // The program reads no further, or has ended; its own stream tells which.
        }
        return false
    }

    private func send(_ bytes: [UInt8], to selector: ProcessSelector) async throws {
        let data = input.isTerminal ? ProcessInput(pty: Data(bytes)) : ProcessInput(stdin: Data(bytes))
        _ = try await client.call(SendProcessInput.self, SendProcessInput.Request(process: selector, input: data))
    }

    private func resize(_ selector: ProcessSelector) async {
        let pty = TerminalRequest(size: Terminal.size(STDIN_FILENO))
        _ = try? await client.call(UpdateProcess.self, UpdateProcess.Request(process: selector, pty: pty))
    }

    /// Hands signals on, so that Ctrl-C ends the program and not only us.
    private func forwarder(to selector: ProcessSelector) -> Interrupts.Handler {
        let interrupts = Latch<Void>()
        return { signal in
            // A signal is taken without waiting; the program's stream tells what it did.
            switch signal {
            case SIGWINCH where input.isTerminal:
                Task { await resize(selector) }
                return true
            case SIGINT, SIGTERM, SIGHUP:
                // A terminal's person interrupts with a key; a signal is meant for us, whose end the caller tells the program.
                if case .detachableTerminal = input { return false }
                let isAgain = interrupts.current != nil
                if signal == SIGINT { interrupts.set(()) }
                let name =
                    switch signal {
                    case SIGINT: isAgain ? "SIGNAL_SIGKILL" : "SIGNAL_SIGINT"
                    case SIGHUP: "SIGNAL_SIGHUP"
                    default: "SIGNAL_SIGTERM"
                    }
                let request = SignalProcess.Request(process: selector, signal: name)
                Task { try? await client.call(SignalProcess.self, request) }
                return true
            default:
                return false
            }
        }
    }

    /// The program's status as a shell reports it.
    static func status(_ end: ProcessEvent.End) -> Status {
        if end.exited == false || end.exitCode == -1 {
            let name = (end.status ?? "").split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
            let number = (1...64).first { signal in
                strsignal(Int32(signal)).map { String(cString: $0).lowercased() } == name || "\(signal)" == name
            }
            return number.map { .signalled(Int32($0)) } ?? .execFailed
        }
        return Status(rawValue: end.exitCode ?? 0)
    }
}
