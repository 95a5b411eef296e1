import ClaudeAgent
import GuestLink
import Linux
import RPC
import Synchronization
import Wire

/// A Claude Code in a guest, as its session has it. The guest spools what it writes, so no slow reader makes it lose anything.
///
/// *Concurrency.* One task owns the line to the program, from the start to ``release()``; the two outputs are bounded queues
/// between it and the two readers.
package final class AgentInGuest: AgentProcess {
    /// How the program ended, in the guest's words.
    package struct Ending: Sendable, Hashable {
        package let exit: AgentExit
        /// Such as `signal: killed`, or that the guest had no memory left; nil when there is nothing to tell.
        package let words: String?

        init(_ end: ProcessEvent.End) {
            exit = end.signal.map { .signalled($0) } ?? .exited(end.exitCode ?? 0)
            words = end.error ?? (exit.isSuccess ? nil : end.status)
        }
    }

    private struct Lost: Error {}

    package let keepsOutput = true
    private let guest: GuestLink
    private let process: ProcessSelector
    /// Whether it ends when it is released.
    private let isOwn: Bool
    private let output = ByteQueue()
    private let errors = ByteQueue()
    private let end = Latch<Result<Ending, any Error>>()
    private let released = Latch<Void>()
    private let line = Mutex<Task<Void, Never>?>(nil)

    private init(_ guest: GuestLink, _ process: ProcessSelector, isOwn: Bool) {
        self.guest = guest
        self.process = process
        self.isOwn = isOwn
    }

    /// How it ended, if it has.
    package var ending: Ending? { try? end.current?.get() }

    // MARK: The beginning

    /// Starts a program; returns when it runs. It is killed when it is released.
    package static func start(_ command: GuestLink.Command, in guest: GuestLink) async throws -> AgentInGuest {
        var command = command
        command.spool = true
        let spooled = command
        return try await make(isOwn: true, guest) { handle in
            try await guest.start(spooled, openInput: true, handle)
        }
    }

    /// Joins the program with this tag. What it has written so far comes first.
    ///
    /// - Parameter isOwn: whether it is killed when it is released; else it goes on, and neither signals nor the end of its
    ///   input reach it.
    package static func join(_ tag: String, in guest: GuestLink, isOwn: Bool) async throws -> AgentInGuest {
        try await make(isOwn: isOwn, guest) { handle in
            try await guest.join(ProcessSelector(tag: tag), handle)
        }
    }

    private typealias Handler = @Sendable (inout MessageReader<ProcessStreamEvent>) async throws -> Void

    private static func make(
        isOwn: Bool,
        _ guest: GuestLink,
        _ open: @escaping @Sendable (@escaping Handler) async throws -> Void
    ) async throws -> AgentInGuest {
        let started = Latch<Result<AgentInGuest, any Error>>()
        // Its owner is the program, which cancels it when it is released.
        let line = Task {
            do {
                try await open { events in
                    guard let pid = try await events.next()?.event.start?.pid else {
                        throw CallError(.dataLoss, "The guest did not say which process it is")
                    }
                    let program = AgentInGuest(guest, ProcessSelector(pid: pid), isOwn: isOwn)
                    started.set(.success(program))
                    await program.carry(&events)
                }
                // Only where there were no events.
                started.set(.failure(Lost()))
            } catch {
                started.set(.failure(error))
            }
        }
        let program = try await withTaskCancellationHandler {
            try await started.value().get()
        } onCancel: {
            line.cancel()
        }
        program.line.withLock { $0 = line }
        return program
    }

    // MARK: Its life

    private func carry(_ events: inout MessageReader<ProcessStreamEvent>) async {
        do {
            while let message = try await events.next() {
                if let data = message.event.data {
                    if let bytes = data.stdout { try await output.add(Array(bytes)) }
                    if let bytes = data.stderr { try await errors.add(Array(bytes)) }
                }
                guard let end = message.event.end else { continue }
                self.end.set(.success(Ending(end)))
                output.finish()
                errors.finish()
                return
            }
            throw CallError(.dataLoss, "The guest's stream ended before Claude Code did")
        } catch {
            lose(error)
        }
    }

    private func lose(_ error: any Error) {
        end.set(.failure(error))
        output.finish(error)
        errors.finish(error)
    }

    package func readOutput() async throws -> [UInt8] { try await output.next() }
    package func readErrors() async throws -> [UInt8] { try await errors.next() }
    package func exit() async throws -> AgentExit { try await end.value().get().exit }

    package func write(_ bytes: [UInt8]) async throws {
        let (guest, process) = (guest, process)
        try await untilReleased { try await guest.write(bytes, to: process) }
    }

    package func closeInput() async throws {
        guard isOwn else { return }
        let (guest, process) = (guest, process)
        try await untilReleased { try await guest.closeInput(of: process) }
    }

    /// A guest that does not answer must keep nobody.
    private func untilReleased(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { [released] group in
            group.addTask { try await body() }
            group.addTask {
                try await released.value()
                throw Lost()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    package func send(_ signal: AgentSignal) async {
        guard isOwn, end.current == nil else { return }
        let name =
            switch signal {
            case .interrupt: "SIGNAL_SIGINT"
            case .terminate: "SIGNAL_SIGTERM"
            case .kill: "SIGNAL_SIGKILL"
            }
        let (guest, process) = (guest, process)
        // In a task of its own: that its run was cancelled is mostly why it is to end.
        await Task {
            try? await withDeadline(.seconds(5)) { try await guest.signal(process, name) }
        }.value
    }

    package func release() async {
        await send(.kill)
        let (end, isOwn) = (end, isOwn)
        await Task {
            // It is dead when its end is told: who waits for that may look at its files.
            if isOwn { try? await withDeadline(.seconds(2)) { _ = try await end.value() } }
        }.value
        released.set(())
        let line = line.withLock { $0.take() }
        line?.cancel()
        await line?.value
        lose(Lost())
    }
}
