import Arguments
import Glibc
import Linux
import RPC
import Terminals
import Wire

/// A person's terminal, joined to one in a sandbox.
struct TerminalSession: Sendable {
    /// How the session ended.
    enum End: Sendable {
        case exited(Status)
        /// The person has left; the program goes on.
        case detached(UInt32)
    }

    let sockets: SandboxSockets
    let opening: TerminalOpening
    /// Whether the person can leave with '~.'; else every key is the program's.
    var canDetach = true
    /// Whether the program ends when the person's terminal is lost: one that nobody could find again.
    var endsWithPerson = true

    /// Refuses to begin where there is no person to type.
    static func needsTerminal(_ surroundings: Surroundings, instead: String) throws(CommandsError) {
        guard surroundings.inputIsTerminal, surroundings.outputIsTerminal else {
            throw CommandsError(.unusableInput, "Standard input or output is no terminal; \(instead)")
        }
    }

    /// Runs the program to its end, or until the person leaves it.
    func run() async throws -> End {
        var opening = opening
        opening.size = Terminal.size(STDIN_FILENO)
        if var process = opening.process, process.envs?["TERM"] == nil {
            process.envs = (process.envs ?? [:]).merging(["TERM": Program.variable("TERM") ?? "xterm"]) { old, _ in old
            }
            opening.process = process
        }
        return try await RemoteTerminal.with(sockets, opening) { terminal in
            do {
                return try await TerminalMode.raw {
                    try await Interrupts.shared.handled(by: forwarder(to: terminal)) { try await follow(terminal) }
                }
            } catch {
                if endsWithPerson { await Self.hangUp(terminal) }
                throw error
            }
        }
    }

    private func follow(_ terminal: RemoteTerminal) async throws -> End {
        try await withThrowingTaskGroup(of: End?.self) { group in
            group.addTask { try await show(terminal) }
            group.addTask { try await forwardKeys(to: terminal) }
            defer { group.cancelAll() }
            // Keys that have ended are not the program's end.
            while let end = try await group.next() {
                if let end { return end }
            }
            throw CancellationError()
        }
    }

    private func show(_ terminal: RemoteTerminal) async throws -> End {
        var isFirst = true
        while let event = try await terminal.next() {
            switch event {
            case .opened:
                // The connection was made again, and all that is kept of the screen comes again.
                if !isFirst { try await StandardStream.output.write("\u{1B}c") }
                isFirst = false
            case .output(let bytes): try await StandardStream.output.write(bytes)
            case .exited(let code): return .exited(Status(rawValue: code))
            }
        }
        throw CallError(.dataLoss, "The connection to the program ended before the program did")
    }

    private func forwardKeys(to terminal: RemoteTerminal) async throws -> End? {
        let source = try StandardInput()
        var filter = DetachKeys()
        while true {
            let bytes = try await source.read()
            if bytes.isEmpty { return nil }
            let (keys, isLeaving) = canDetach ? filter.read(bytes) : (bytes, false)
            if !keys.isEmpty { try await terminal.write(keys) }
            if isLeaving, let session = terminal.sessionID { return .detached(session) }
        }
    }

    private func forwarder(to terminal: RemoteTerminal) -> Interrupts.Handler {
        { signal in
            switch signal {
            case SIGWINCH:
                // A signal is taken without waiting; what the program shows tells what it did.
                if let size = Terminal.size(STDIN_FILENO) { Task { try await terminal.resize(size) } }
                return true
            // Where a person can leave, they interrupt with a key; a signal is meant for us.
            case SIGINT, SIGTERM, SIGHUP: return !canDetach && Self.pass(signal, to: terminal)
            default: return false
            }
        }
    }

    private static func pass(_ signal: Int32, to terminal: RemoteTerminal) -> Bool {
        let name = signal == SIGINT ? "SIGINT" : signal == SIGHUP ? "SIGHUP" : "SIGTERM"
        Task { try await terminal.signal(name) }
        return true
    }

    /// Tells a shell that its person has gone, as a terminal does that is closed.
    private static func hangUp(_ terminal: RemoteTerminal) async {
        // In a task of its own: the session may have ended by being cancelled.
        await Task {
            try? await withDeadline(.seconds(2)) { try await terminal.signal("SIGHUP") }
        }.value
    }
}

/// A person's terminal at a shell, with words about where they are.
struct ShellVisit: Sendable {
    let daemon: DaemonConnection
    let sandbox: SandboxInfo
    let session: TerminalSession

    /// The shell of a new session, or the program in its place.
    static func process(
        _ invocation: Invocation,
        _ surroundings: Surroundings,
        running words: [String] = []
    ) throws -> ProcessConfig {
        ProcessConfig(
            cmd: words.first ?? "/bin/bash",
            args: words.isEmpty ? ["-i", "-l"] : Array(words.dropFirst()),
            envs: try SharedOptions.environment(invocation, surroundings),
            cwd: invocation.value("--cwd")
        )
    }

    private var name: String { session.opening.process.map(Self.isShell) ?? true ? "the shell" : "the program" }

    private static func isShell(_ process: ProcessConfig) -> Bool { process.cmd == "/bin/bash" }

    func run() async throws -> TerminalSession.End {
        await StandardStream.say("this is sandbox '\(sandbox.id)'; \(SandboxOptions.detach)")
        do {
            let end = try await session.run()
            if case .exited(let status) = end {
                await StandardStream.say("\(name) ended with status \(status.rawValue)")
            }
            return end
        } catch {
            throw try await daemon.explained(error, of: name, in: sandbox)
        }
    }

    /// What is said to a person who has left a shell.
    func sayDetached(_ id: UInt32) async {
        let session = session.opening.slug ?? String(id)
        await StandardStream.say(
            "detached; 'martlet sandbox connect --session \(session) \(sandbox.id)' comes back to this shell"
        )
    }
}
