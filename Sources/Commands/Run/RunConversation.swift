import Glibc
import HTTP
import Linux
import RPC
import Synchronization
import Wire

/// The talk with the daemon about one run: options and files out, events in.
struct RunConversation: Sendable {
    let request: RunRequest
    let daemon: DaemonConnection
    let display: ProgressDisplay<RunProgress>
    let stop: RunStop

    /// Runs to the report.
    func report(_ files: WorkingCopy?) async throws -> RunReport {
        var options = request.options
        do {
            guard let files else {
                return try await daemon.client.stream(StartRun.self, options) { try await follow(&$0) }
            }
            options.hasFiles = true
            options.fileBytes = files.byteCount
            let start = options
            return try await files.withArchive { next in
                try await daemon.client.upload(StartRun.self, start, following: next) { try await follow(&$0) }
            }
        } catch let error where !(error is CallError || error is CommandsError || error is CancellationError) {
            if let error = error as? LinuxError, error.code == .brokenPipe, stop.outputIsGone { throw error }
            let hint = stop.runID.map { ", and 'martlet runs show \($0)'" } ?? ""
            throw CommandsError(
                .daemonLost,
                "The connection to the daemon ended during the run; see the end of 'daemon.log' in its home\(hint)",
                cause: error
            )
        }
    }

    private func follow(_ events: inout MessageReader<RunEvent>) async throws -> RunReport {
        var report: RunReport?
        while let event = try await events.next() {
            if let started = event.started { stop.runID = started.id }
            await display.take(.run(event))
            if request.format == .streamJSON, let agent = event.agent {
                do {
                    try await StandardStream.output.write(agent.encoded() + [0x0A])
                } catch {
                    stop.outputIsGone = true
                    throw error
                }
            }
            report = event.report ?? report
        }
        guard let report else {
            throw CommandsError(
                .daemonLost,
                "The daemon ended the run without a report; see the end of 'daemon.log' in its home"
            )
        }
        return report
    }
}

/// How a run is stopped from here: the first signal asks the daemon to end it, the next leaves at once.
final class RunStop: Sendable {
    private struct State {
        var runID: String?
        var signal: Int32?
        var outputIsGone = false
    }

    private let state = Mutex(State())

    var runID: String? {
        get { state.withLock(\.runID) }
        set { state.withLock { $0.runID = newValue } }
    }

    /// The signal that the run was stopped for.
    var signal: Int32? { state.withLock(\.signal) }

    /// Whether whoever read our output has gone.
    var outputIsGone: Bool {
        get { state.withLock(\.outputIsGone) }
        set { state.withLock { $0.outputIsGone = newValue } }
    }

    /// Takes a signal; gives the run to be cancelled, or nil when the command is to end without waiting.
    func take(_ signal: Int32) -> String? {
        state.withLock { state in
            guard let id = state.runID, state.signal == nil else { return nil }
            state.signal = signal
            return id
        }
    }
}
