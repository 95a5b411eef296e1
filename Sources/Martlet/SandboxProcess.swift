import ClaudeAgent
import Linux
import Terminals
import Wire

/// A Claude Code in a sandbox.
///
/// *Concurrency.* One task owns the connection, from the start to ``release()``; the two outputs are bounded queues between it
/// and the two readers.
final class SandboxProcess: AgentProcess {
    private let output = ByteQueue()
    private let errors = ByteQueue()
    private let end = Latch<AgentExit>()
    private let program: RemoteProgram
    private let life: Task<Void, Never>

    private init(_ program: RemoteProgram, _ life: Task<Void, Never>) {
        self.program = program
        self.life = life
    }

    /// Starts the program; returns when it runs.
    static func start(
        _ sockets: SandboxSockets,
        user: String?,
        _ request: ExecRequest.Open,
        lease: Lease?
    ) async throws -> SandboxProcess {
        let started = Latch<Result<RemoteProgram, any Error>>()
        let process = Latch<SandboxProcess>()
        // The task's owner is the process, which cancels it when it is released.
        let life = Task {
            do {
                try await holding(lease) {
                    try await RemoteProgram.with(sockets, user: user, request) { program in
                        started.set(.success(program))
                        try await process.value().carry()
                    }
                }
            } catch {
                started.set(.failure(error))
                process.current?.fail()
            }
            await lease?.end()
        }
        do {
            let program = try await withTaskCancellationHandler {
                try await started.value().get()
            } onCancel: {
                life.cancel()
            }
            let made = SandboxProcess(program, life)
            process.set(made)
            return made
        } catch {
            life.cancel()
            throw error is CancellationError ? error : AgentError.notLaunched(error)
        }
    }

    private static func holding(
        _ lease: Lease?,
        _ body: @Sendable @escaping () async throws -> Void
    ) async throws {
        if let lease { try await lease.held(body) } else { try await body() }
    }

    private func carry() async throws {
        while let event = try await program.next() {
            switch event {
            case .output(.stderr, let bytes): try await errors.add(bytes)
            case .output(_, let bytes): try await output.add(bytes)
            case .exited(let exited):
                end.set(exited.signal.map { .signalled($0) } ?? .exited(exited.code ?? -1))
            }
        }
        fail()
    }

    /// Says that nothing more comes; of a program that is lost, that it was killed.
    private func fail() {
        end.set(.signalled(9))
        output.finish()
        errors.finish()
    }

    /// The sandbox does, see ``SandboxTransport``.
    var keepsOutput: Bool { true }

    func readOutput() async throws -> [UInt8] { try await output.next() }
    func readErrors() async throws -> [UInt8] { try await errors.next() }
    func write(_ bytes: [UInt8]) async throws { try await program.write(bytes) }
    func closeInput() async throws { program.endInput() }

    func send(_ signal: AgentSignal) async {
        switch signal {
        case .interrupt: program.send(signal: "SIGINT")
        case .terminate: program.send(signal: "SIGTERM")
        case .kill: program.send(signal: "SIGKILL")
        }
    }

    func exit() async throws -> AgentExit { try await end.value() }

    func release() async {
        program.send(signal: "SIGKILL")
        // A program that can not be told any more ends by its sandbox's end, or by being left alone.
        let (end, life) = (end, life)
        await Task {
            try? await withDeadline(.seconds(2)) { _ = try await end.value() }
            life.cancel()
            await life.value
        }.value
        fail()
    }
}

extension AgentError {
    fileprivate static func notLaunched(_ cause: any Error) -> AgentError {
        AgentError(.launchFailed, "Claude Code could not be started in a sandbox", cause: cause)
    }
}
