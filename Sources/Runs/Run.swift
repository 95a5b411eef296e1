import FoundationEssentials
import Gateway
import Glibc
import GuestLink
import HTTP
import Linux
import MCP
import RPC
import Sandboxes
import Schemas
import Wire

/// One run, from its options to its report.
///
///     create ─► copy in ─► result tool ─► agent ─► result valid? ──no──► repair: the same session, with the reason
///                                                     │yes                  (bounded)
///                                                     ▼
///                                             diff, artifacts, state ─► teardown ─► report
///
/// Every way out ends in a report: errors, deadlines and cancellation become outcomes. The sandbox is torn down in a task of
/// its own, so that a cancelled run leaves nothing either.
///
/// *Concurrency.* A run is one task, which alone touches its report and transcript; the gateway records attempts from its own
/// tasks, behind the result server's lock.
struct Run: Sendable {
    let id: String
    let options: RunOptions
    /// Writes the working directory's tar stream, when ``RunOptions/hasFiles``.
    let files: (@Sendable (BodyWriter) async throws -> Void)?
    /// The run to go on with.
    let previous: RunReport?
    let schema: ResultSchema?
    let sandboxes: SandboxRegistry
    let gateway: GuestGateway
    let store: RunStore
    /// Tells whoever watches. An error of it ends the run: its caller has gone.
    let tell: @Sendable (RunEvent) async throws -> Void

    /// Runs to the end and gives the final report.
    func execute(_ initial: RunReport) async -> RunReport {
        let clock = ContinuousClock()
        let start = clock.now
        var progress = RunProgress(report: initial)
        do {
            try await work(&progress)
        } catch {
            // Whatever broke when the run was stopped: that it was stopped is why.
            progress.fail(Task.isCancelled ? CancellationError() : error)
        }
        let finishing = progress
        // A task of its own: the teardown of a cancelled run must not be cancelled.
        var report = await Task {
            try? await tell(.step(.init(step: .teardown, milliseconds: nil, detail: nil)))
            let report = await tearDown(finishing)
            let detail = report.kept ? "kept \(report.sandboxID ?? "")" : nil
            try? await tell(.step(.init(step: .teardown, milliseconds: report.durations.teardown, detail: detail)))
            return report
        }.value
        report.durations.total = Int((clock.now - start) / .milliseconds(1))
        return report
    }

    // MARK: The steps

    private func work(_ progress: inout RunProgress) async throws {
        let sandbox = try await step(.create, &progress, \.create) { progress in
            let sandbox = try await obtainSandbox()
            progress.sandbox = sandbox
            progress.report.sandboxID = sandbox.id
            return (sandbox, sandbox.id)
        }
        try await store.update(progress.report)
        let workspace = Workspace(link: sandbox.link, name: options.directory)
        try await step(.copyIn, &progress, \.copyIn) { progress in
            let detail = try await copyIn(workspace)
            progress.workspace = workspace
            return ((), detail)
        }
        let endpoint = gateway.open(
            sandbox.id,
            budgetUSD: options.maxCostUSD,
            results: schema?.server
        )
        progress.endpoint = endpoint
        if let schema {
            try await tell(.step(.init(step: .tool, milliseconds: 0, detail: schema.toolName)))
        }
        try await letWork(sandbox, workspace, endpoint, &progress)
        try Task.checkCancellation()
        try await step(.collect, &progress, \.collect) { progress in
            await collect(workspace, &progress)
            return ((), nil)
        }
    }

    private func step<Result>(
        _ step: RunEvent.Step,
        _ progress: inout RunProgress,
        _ duration: WritableKeyPath<RunReport.Durations, Int>,
        _ body: (inout RunProgress) async throws -> (Result, String?)
    ) async throws -> Result {
        try await tell(.step(.init(step: step, milliseconds: nil, detail: nil)))
        let clock = ContinuousClock()
        let start = clock.now
        let (result, detail) = try await body(&progress)
        let milliseconds = Int((clock.now - start) / .milliseconds(1))
        progress.report.durations[keyPath: duration] = milliseconds
        try await tell(.step(.init(step: step, milliseconds: milliseconds, detail: detail)))
        return result
    }

    /// The sandbox of the run that is gone on with, if it still runs; else a new one.
    private func obtainSandbox() async throws -> Sandbox {
        if let previous, previous.kept, let id = previous.sandboxID, let sandbox = try? sandboxes.sandbox(id) {
            return sandbox
        }
        return try await sandboxes.create(NewSandbox(template: options.template, metadata: ["run": id]))
    }

    private func copyIn(_ workspace: Workspace) async throws -> String? {
        var detail: String?
        if let files {
            try await workspace.link.unpack(into: workspace.path, user: Workspace.user, files)
            detail = options.fileBytes.map { "\($0 / 1024) KiB to \(workspace.path)" } ?? workspace.path
        } else if let previous, !(previous.kept && isSandbox(previous.sandboxID)) {
            if Files.exists(store.workspace(previous.id)) {
                try await workspace.unpack(from: store.workspace(previous.id))
            } else {
                try await workspace.make()
            }
        } else {
            try await workspace.make()
        }
        if let previous, let session = previous.sessionID, Files.exists(store.session(previous.id)) {
            let bytes = try Files.read(store.session(previous.id))
            try await workspace.link.writeFile(bytes, to: workspace.sessionFile(session), user: Workspace.user)
        }
        try await workspace.takeBaseline()
        return detail
    }

    private func isSandbox(_ id: String?) -> Bool {
        id.flatMap { try? sandboxes.sandbox($0) } != nil
    }

    /// Lets the agent work, and takes what it did into the report however that ended.
    private func letWork(
        _ sandbox: Sandbox,
        _ workspace: Workspace,
        _ endpoint: GuestGateway.Opening,
        _ progress: inout RunProgress
    ) async throws {
        let record = AgentRecord()
        let clock = ContinuousClock()
        let start = clock.now
        do {
            try await withAgentDeadline(sandbox) { try await converse(sandbox, workspace, endpoint, record) }
            let work = record.work
            work.apply(to: &progress)
            let detail = schema == nil ? nil : work.verdict.outcome.rawValue
            try await tell(.step(.init(step: .result, milliseconds: work.judgingMilliseconds, detail: detail)))
        } catch {
            var work = record.work
            if work.agentMilliseconds == 0 { work.agentMilliseconds = Int((clock.now - start) / .milliseconds(1)) }
            work.result = schema?.accepted()
            work.apply(to: &progress)
            guard error is DeadlineExceeded else { throw error }
            // The sandbox is well: what the agent has changed by now is worth having.
            progress.fail(error)
            if let outcome = outcomeInHand() {
                progress.report.outcome = outcome
                progress.report.error = nil
                progress.report.warnings.append("The time was used up after the result had been handed over")
            }
        }
    }

    /// What the result handed over so far is worth, for an agent that was cut off afterwards; nil when there is none, or it
    /// says nothing.
    private func outcomeInHand() -> RunOutcome? {
        guard let schema, let result = schema.accepted(), schema.emptiness(of: result) == nil else { return nil }
        return schema.attempts().last(where: \.isValid)?.round == 0 ? .valid : .repaired
    }

    /// Races the agent against the run's time, and against the end of its machine.
    private func withAgentDeadline(_ sandbox: Sandbox, _ body: @Sendable @escaping () async throws -> Void) async throws
    {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await withDeadline(.seconds(options.timeout)) { try await body() }
                return true
            }
            group.addTask {
                _ = try await sandbox.ended.value()
                return false
            }
            defer { group.cancelAll() }
            let isDone: Bool
            do {
                isDone = try await group.next() == true
            } catch let error where !(error is CancellationError || error is DeadlineExceeded) {
                // The line to a guest breaks a moment before the end of its machine is known.
                guard (try? await withDeadline(.seconds(3), { try await sandbox.ended.value() })) != nil else {
                    throw error
                }
                isDone = false
            }
            guard isDone else {
                throw SandboxError(
                    .ended,
                    "The sandbox ended during the run: its machine was stopped from outside or crashed"
                )
            }
        }
    }

    /// Lets the agent work, and resumes it while that may mend what is missing.
    private func converse(
        _ sandbox: Sandbox,
        _ workspace: Workspace,
        _ endpoint: GuestGateway.Opening,
        _ record: AgentRecord
    ) async throws {
        let output = try Descriptor.open(store.transcript(id), O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        var prompt = Array(options.prompt)
        var session = AgentCommand.Session.new(Random.uuid())
        if let previous = previous?.sessionID { session = .resumed(previous) }
        let clock = ContinuousClock()
        for round in 0...max(0, options.repairAttempts) {
            let start = clock.now
            try await tell(.step(.init(step: .agent, milliseconds: nil, detail: round == 0 ? nil : "repair \(round)")))
            schema?.beginRound()
            let end = try await runAgent(round, prompt, session, sandbox, workspace, endpoint, record, output)
            let milliseconds = Int((clock.now - start) / .milliseconds(1))
            let (result, verdict) = judge(round, end, endpoint)
            let judging = Int((clock.now - start) / .milliseconds(1)) - milliseconds
            let work = record.change { work in
                if round == 0 { work.agentMilliseconds = milliseconds } else { work.repairMilliseconds += milliseconds }
                work.judgingMilliseconds += judging
                (work.result, work.verdict) = (result, verdict)
                return work
            }
            try await tell(.step(.init(step: .agent, milliseconds: milliseconds, detail: verdict.outcome.rawValue)))
            guard let reason = work.verdict.repair, round < options.repairAttempts, let id = work.transcript.sessionID
            else { break }
            if let limit = options.maxTurns, work.transcript.turns >= limit { break }
            prompt = Array(reason.utf8)
            session = .resumed(id)
        }
    }

    private func judge(_ round: Int, _ end: RoundEnd, _ endpoint: GuestGateway.Opening) -> (JSONValue?, Verdict) {
        var end = end
        // The gateway refuses once the money is gone; the agent only sees that its model failed.
        if case .failed = end, let limit = options.maxCostUSD, (endpoint.usage.costUSD ?? 0) >= limit { end = .budget }
        guard let schema else {
            guard case .finished(let text) = end else { return (nil, .ofText(end)) }
            return (.string(text), .ofText(end))
        }
        let accepted = schema.accepted()
        let verdict = Verdict.ofResult(
            round: round,
            end: end,
            hasResult: accepted != nil,
            degeneracy: accepted.flatMap { schema.emptiness(of: $0) },
            lastFaults: schema.lastFaults(),
            tool: "mcp__\(AgentCommand.server)__\(options.toolName)"
        )
        return (accepted, verdict)
    }

    private func runAgent(
        _ round: Int,
        _ prompt: [UInt8],
        _ session: AgentCommand.Session,
        _ sandbox: Sandbox,
        _ workspace: Workspace,
        _ endpoint: GuestGateway.Opening,
        _ record: AgentRecord,
        _ output: Descriptor
    ) async throws -> RoundEnd {
        let promptFile = "\(AgentCommand.directory)/prompt-\(round).txt"
        try await sandbox.link.writeFile(prompt, to: promptFile, user: Workspace.user)
        var systemPromptFile: String?
        if let text = AgentCommand.systemPrompt(options) {
            let path = "\(AgentCommand.directory)/system-prompt.txt"
            try await sandbox.link.writeFile(Array(text.utf8), to: path, user: Workspace.user)
            systemPromptFile = path
        }
        let spent = endpoint.usage.costUSD ?? 0
        let command = AgentCommand(
            options: options,
            session: session,
            promptFile: promptFile,
            systemPromptFile: systemPromptFile,
            workingDirectory: workspace.path,
            budgetUSD: round == 0 ? options.maxCostUSD.map { max(0.000001, $0 - spent) } : nil,
            maxTurns: options.maxTurns.map { max(1, $0 - record.work.transcript.turns) }
        )
        record.change { $0.transcript.beginRound() }
        let (tell, schema) = (tell, schema)
        do {
            return try await sandbox.link.start(withUser(command.command)) { events in
                var reader = AgentReader(record: record, output: output, endpoint: endpoint, schema: schema, tell: tell)
                return try await reader.read(&events)
            }
        } catch {
            await endAgent(of: sandbox, record)
            throw error
        }
    }

    /// Ends an agent that nobody listens to any more: its guest may live on, and its files are about to be looked at.
    private func endAgent(of sandbox: Sandbox, _ record: AgentRecord) async {
        guard sandbox.isRunning, let pid = record.change({ $0.processID.take() }) else { return }
        // In a task of its own: that the run was cancelled is why the agent must end.
        let link = sandbox.link
        await Task {
            try? await withDeadline(.seconds(5)) { try await link.signal(pid, "SIGNAL_SIGKILL") }
        }.value
    }

    private func withUser(_ command: GuestLink.Command) -> GuestLink.Command {
        var command = command
        command.user = Workspace.user
        return command
    }

    // MARK: Afterwards

    /// Brings out what the run leaves, all at once. What can not be brought out is a warning: the result stands without it.
    private func collect(_ workspace: Workspace, _ progress: inout RunProgress) async {
        let session = progress.report.sessionID
        async let diff = Self.trying { try await workspace.diff() }
        async let state = Self.trying { try await keepState(workspace, session) }
        for path in options.artifacts {
            progress.report.artifacts.append(await artifact(path, workspace, store.artifacts(id)))
        }
        do {
            if let diff = try await diff.get() {
                progress.report.diff = diff
                try Files.write(diff.utf8, to: store.diff(id))
            }
        } catch {
            progress.report.warnings.append("The diff could not be made: \(error)")
        }
        if case .failure(let error) = await state {
            progress.report.warnings.append("The run can not be gone on with: its state could not be kept: \(error)")
        }
    }

    /// What a later run needs to go on with this one: the working directory and the session.
    private func keepState(_ workspace: Workspace, _ session: String?) async throws {
        try await workspace.pack(to: store.workspace(id))
        guard let session else { return }
        let bytes = try await workspace.link.readFile(
            workspace.sessionFile(session),
            user: Workspace.user,
            limit: 256 * 1024 * 1024
        )
        try Files.write(bytes, to: store.session(id))
    }

    private static func trying<Value: Sendable>(
        _ body: @Sendable () async throws -> Value
    ) async -> Result<Value, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }

    private func artifact(_ path: String, _ workspace: Workspace, _ directory: String) async -> RunReport.Artifact {
        let guestPath = path.hasPrefix("/") ? path : "\(workspace.path)/\(path)"
        do {
            let bytes = try await workspace.link.readFile(guestPath, user: Workspace.user, limit: 1 << 30)
            try Files.makeDirectory(directory)
            // A flat name: the guest's path decides nothing about where the host writes.
            let flat = String(path.map { $0 == "/" ? "_" : $0 }).drop { $0 == "_" || $0 == "." }
            let name = flat.isEmpty ? "artifact" : String(flat)
            var file = "\(directory)/\(name)"
            var copies = 1
            while Files.exists(file) {
                copies += 1
                file = "\(directory)/\(copies)-\(name)"
            }
            try Files.write(bytes, to: file)
            return RunReport.Artifact(path: path, file: file, bytes: bytes.count, error: nil)
        } catch {
            return RunReport.Artifact(path: path, file: nil, bytes: nil, error: "\(error)")
        }
    }

    private func tearDown(_ progress: RunProgress) async -> RunReport {
        var report = progress.report
        let clock = ContinuousClock()
        let start = clock.now
        if let endpoint = progress.endpoint {
            report.usage = endpoint.usage.report
            // Metered here; else the agent's own figure, which counts its session from the beginning.
            let before = previous?.sessionCostUSD ?? 0
            report.costUSD = endpoint.usage.costUSD ?? report.sessionCostUSD.map { max(0, $0 - before) }
            gateway.close(endpoint)
        }
        if let schema { report.attempts = schema.attempts() }
        if let sandbox = progress.sandbox {
            // One that was kept before this run stays, whoever goes on in it.
            let isKept = options.keep || (previous?.kept == true && previous?.sandboxID == sandbox.id)
            report.kept = isKept && sandbox.isRunning
            if !report.kept { try? await sandboxes.kill(sandbox.id) }
        }
        // Sums of small prices: what is beyond a millionth of a dollar is noise.
        report.costUSD = report.costUSD.map { ($0 * 1_000_000).rounded() / 1_000_000 }
        if Files.exists(store.transcript(id)) { report.transcript = store.transcript(id) }
        report.durations.teardown = Int((clock.now - start) / .milliseconds(1))
        return report
    }
}
