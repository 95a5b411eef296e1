import Arguments
import Glibc
import Linux
import RPC
import Terminals
import Wire

/// One program in a sandbox, joined to our three standard streams and our signals, exactly.
struct ProgramPipes: Sendable {
    let sockets: SandboxSockets
    let process: ProcessConfig
    /// Whether our standard input is handed on, its end included.
    var hasInput = true
    /// Keeps output in the sandbox, for programs that do not wait for their reader.
    var spools = false
    /// How long the program outlives us when we are lost without a word.
    var linger = Duration.seconds(120)
    /// Whether a second Ctrl-C interrupts again; else it kills.
    var interruptsOnly = false

    /// Runs the program to its end; gives its status as a shell does.
    func run() async throws -> Status { await Self.status(try await runToEnd()) }

    /// Runs the program to its end.
    func runToEnd() async throws -> ExecEvent.Exited {
        let request = ExecRequest.Open(
            id: "exec-\(Random.hex(16))",
            process: process,
            stdin: hasInput,
            spool: spools,
            linger: linger / .seconds(1)
        )
        return try await RemoteProgram.with(sockets, request) { program in
            do {
                return try await Interrupts.shared.handled(by: forwarder(to: program)) {
                    try await follow(program)
                }
            } catch {
                await Self.abandon(program, because: error)
                throw error
            }
        }
    }

    private func follow(_ program: RemoteProgram) async throws -> ExecEvent.Exited {
        try await withThrowingTaskGroup(of: ExecEvent.Exited?.self) { group in
            if hasInput {
                group.addTask {
                    let source = try StandardInput()
                    while true {
                        let bytes = try await source.read()
                        if bytes.isEmpty { break }
                        try await program.write(bytes)
                    }
                    program.endInput()
                    return nil
                }
            }
            group.addTask {
                while let event = try await program.next() {
                    switch event {
                    case .output(.stderr, let bytes): try await StandardStream.error.write(bytes)
                    case .output(_, let bytes): try await StandardStream.output.write(bytes)
                    case .exited(let end): return end
                    }
                }
                throw CallError(.dataLoss, "The connection to the program ended before the program did")
            }
            defer { group.cancelAll() }
            // An input that has ended is not the program's end.
            while let end = try await group.next() {
                if let end { return end }
            }
            throw CancellationError()
        }
    }

    static func status(_ end: ExecEvent.Exited) async -> Status {
        if let shortage = end.shortage { await StandardStream.say(shortage) }
        if let loss = end.loss { await StandardStream.say("some of the program's output is missing: \(loss)") }
        if let signal = end.signal { return .signalled(signal) }
        return end.code.map { Status(rawValue: $0) } ?? .execFailed
    }

    /// Ends a program that nobody listens to any more, as a pipe that is closed does.
    private static func abandon(_ program: RemoteProgram, because error: any Error) async {
        guard error is CancellationError || (error as? LinuxError)?.code == .brokenPipe else { return }
        program.send(signal: error is CancellationError ? "SIGTERM" : "SIGPIPE")
        // In a task of its own: it may be our being cancelled that ends it.
        await Task {
            try? await withDeadline(.seconds(2)) { while try await program.next() != nil {} }
        }.value
    }

    /// Hands signals on, so that Ctrl-C ends the program and not only us.
    private func forwarder(to program: RemoteProgram) -> Interrupts.Handler {
        let interrupts = Latch<Void>()
        return { signal in
            switch signal {
            case SIGINT:
                program.send(signal: interruptsOnly || interrupts.current == nil ? "SIGINT" : "SIGKILL")
                interrupts.set(())
            case SIGTERM: program.send(signal: "SIGTERM")
            case SIGHUP: program.send(signal: "SIGHUP")
            default: return false
            }
            return true
        }
    }
}
