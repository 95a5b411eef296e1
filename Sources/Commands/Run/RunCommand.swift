import Arguments
import Linux
import RPC
import Wire

/// `martlet run`: a headless agent job, from the line to the result.
enum RunCommand {
    @Sendable static func run(_ invocation: Invocation) async throws -> Status {
        let surroundings = try Surroundings(invocation)
        let request = try await RunRequest(invocation, surroundings)
        let audience: Audience = request.isQuiet ? .nobody : surroundings.errorIsTerminal ? .terminal : .pipe
        let style = surroundings.errorStyle
        let display = ProgressDisplay(
            RunProgress(isLive: audience == .terminal, style: style),
            for: audience,
            style: style,
            width: { surroundings.width }
        )
        let stop = RunStop()
        let report = try await display.showing {
            try await withFiles(request, display) { files in
                for warning in files?.warnings ?? [] { await display.take(.note(warning)) }
                let daemon = try await connect(request, surroundings, display)
                let conversation = RunConversation(request: request, daemon: daemon, display: display, stop: stop)
                return try await stoppable(stop, daemon, display) { try await conversation.report(files) }
            }
        }
        try await RunDelivery(request: request, surroundings: surroundings).deliver(report)
        if !request.isQuiet || report.outcome?.isSuccess != true {
            try? await StandardStream.error.write(RunSummary.text(report, style: style))
        }
        return RunSummary.status(report, endedBy: stop.signal)
    }

    private static func connect(
        _ request: RunRequest,
        _ surroundings: Surroundings,
        _ display: ProgressDisplay<RunProgress>
    ) async throws -> DaemonConnection {
        await display.take(.began("daemon"))
        let daemon = try await DaemonConnection.open(surroundings)
        if request.options.cassette != nil, !daemon.address.isLocal {
            throw CommandsError(.unusableInput, "Cassettes are for the daemon of this machine, not for one elsewhere")
        }
        // A replay asks no model.
        if request.options.cassette?.mode != .replay { try daemon.checkModel(surroundings) }
        return daemon
    }

    /// Calls `body` with the working directory that the line names, if it names one.
    private static func withFiles<Result>(
        _ request: RunRequest,
        _ display: ProgressDisplay<RunProgress>,
        _ body: (WorkingCopy?) async throws -> Result
    ) async throws -> Result {
        switch request.source {
        case .none:
            return try await body(nil)
        case .directory(let path):
            return try await body(try await WorkingCopy(of: path, isComplete: request.takesAllFiles))
        case .repository(let url, let ref):
            let clone = RepositoryClone(url: url, ref: ref)
            let clock = ContinuousClock()
            let start = clock.now
            await display.take(.began("clone"))
            // git tells its progress from a thread of its own; the newest line is shown when the next one is drawn.
            let (lines, feed) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
            async let shown: Void = { for await line in lines { await display.take(.detail(line)) } }()
            defer { feed.finish() }
            let result = try await clone.cloned(progress: { feed.yield($0) }) { directory in
                let milliseconds = Int((clock.now - start) / .milliseconds(1))
                await display.take(.ended("clone", milliseconds: milliseconds, detail: clone.shownURL))
                return try await body(try await WorkingCopy(of: directory, isComplete: request.takesAllFiles))
            }
            feed.finish()
            await shown
            return result
        }
    }

    /// Lets the first signal ask for the run's end, whose report is then waited for; the second is not for us to take.
    private static func stoppable<Result>(
        _ stop: RunStop,
        _ daemon: DaemonConnection,
        _ display: ProgressDisplay<RunProgress>,
        _ body: () async throws -> Result
    ) async throws -> Result {
        try await Interrupts.shared.handled { signal in
            guard let id = stop.take(signal) else { return false }
            // A signal is taken without waiting; the run's own stream tells how this went.
            Task {
                await display.take(.note("Stopping the run; interrupt again to leave at once"))
                _ = try? await daemon.client.call(CancelRun.self, RunReference(id: id))
            }
            return true
        } _: {
            try await body()
        }
    }
}
