import Arguments
import FoundationEssentials
import Glibc
import Linux
import RPC
import Wire

/// One program in a sandbox, joined to our standard streams and signals.
struct ExecSession: Sendable {
    /// Reaches the guest, as the user who runs the program.
    let client: CallClient
    let process: ProcessConfig
    let hasTerminal: Bool
    let forwardsInput: Bool

    /// Runs the program to its end and gives its status.
    func run() async throws -> Status {
        var process = process
        if hasTerminal, process.envs?["TERM"] == nil { process.envs?["TERM"] = Program.variable("TERM") ?? "xterm" }
        let request = StartProcess.Request(
            process: process,
            pty: hasTerminal ? TerminalRequest(size: Terminal.size(STDIN_FILENO)) : nil,
            stdin: forwardsInput && !hasTerminal
        )
        return try await client.stream(StartProcess.self, request) { try await follow(&$0) }
    }

    private func follow(_ events: inout MessageReader<ProcessStreamEvent>) async throws -> Status {
        guard let pid = try await events.next()?.event.start?.pid else {
            throw CallError(.dataLoss, "The sandbox did not say which process it started")
        }
        let selector = ProcessSelector(pid: pid)
        return try await Interrupts.shared.handled(by: forwarder(to: selector)) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                if forwardsInput { group.addTask { try await forwardInput(to: selector) } }
                defer { group.cancelAll() }
                while let event = try await events.next()?.event {
                    if let data = event.data { try await write(data) }
                    if let end = event.end { return Self.status(end) }
                }
                throw CallError(.dataLoss, "The connection to the program ended before the program did")
            }
        }
    }

    private func write(_ data: ProcessEvent.Output) async throws {
        for bytes in [data.stdout, data.pty].compactMap({ $0 }) { try await StandardStream.output.write(Array(bytes)) }
        if let bytes = data.stderr { try await StandardStream.error.write(Array(bytes)) }
    }

    /// Hands our input on until it ends, or the program does.
    private func forwardInput(to selector: ProcessSelector) async throws {
        let input = try StandardInput()
        do {
            while true {
                let bytes = try await input.read()
                if bytes.isEmpty { break }
                let data = hasTerminal ? ProcessInput(pty: Data(bytes)) : ProcessInput(stdin: Data(bytes))
                _ = try await client.call(
                    SendProcessInput.self,
                    SendProcessInput.Request(process: selector, input: data)
                )
            }
            if !hasTerminal {
                _ = try await client.call(CloseProcessInput.self, CloseProcessInput.Request(process: selector))
            }
        } catch is CallError {
            // The program reads no further, or has ended; its own stream tells which.
        }
    }

    /// Hands signals on, so that Ctrl-C ends the program and not only us.
    private func forwarder(to selector: ProcessSelector) -> Interrupts.Handler {
        let (client, hasTerminal) = (client, hasTerminal)
        return { signal in
            // A signal is taken without waiting; the program's stream tells what it did.
            switch signal {
            case SIGWINCH where hasTerminal:
                let pty = TerminalRequest(size: Terminal.size(STDIN_FILENO))
                Task { try? await client.call(UpdateProcess.self, UpdateProcess.Request(process: selector, pty: pty)) }
                return true
            case SIGINT, SIGTERM, SIGHUP:
                let name = signal == SIGINT ? "SIGNAL_SIGINT" : signal == SIGHUP ? "SIGNAL_SIGHUP" : "SIGNAL_SIGTERM"
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
