import ClaudeAgent
import Gateway
import Linux
import Sandboxes
import Wire

/// The agent at work: round after round, until its result is valid or nothing more would mend it.
extension Run {
    /// Lets the agent work, and takes what it did into the report however that ended.
    func letWork(
        _ sandbox: Sandbox,
        _ workspace: Workspace,
        _ endpoint: GuestGateway.Opening,
        _ progress: inout RunProgress
    ) async throws {
        let record = AgentRecord()
        let findings = progress.findings
        let waiting = await takeAgent(in: sandbox, findings, &progress)
        let clock = ContinuousClock()
        let start = clock.now
        do {
            try await withAgentDeadline(sandbox) {
                try await converse(sandbox, workspace, endpoint, record, waiting, findings)
            }
            let work = record.work
            progress.note(work.agentFault)
            work.apply(to: &progress)
            let detail = schema == nil ? nil : work.verdict.outcome.rawValue
            try await tell(.step(.init(step: .result, milliseconds: work.judgingMilliseconds, detail: detail)))
        } catch {
            var work = record.work
            progress.note(work.agentFault)
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

    /// How often a caller whose connection is quiet hears that the run goes on.
    private static let keepalivePause = Duration.seconds(60)

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
            group.addTask {
                while true {
                    try await EventLoop.shared.sleep(for: Self.keepalivePause)
                    try await tell(.keepalive)
                }
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
        _ record: AgentRecord,
        _ waiting: AgentPlace.State,
        _ findings: Workspace.Findings
    ) async throws {
        let transcript = try TranscriptFile(store.transcript(id), record)
        let reader = AgentReader(
            record: record,
            transcript: transcript,
            endpoint: endpoint,
            schema: schema,
            tell: tell
        )
        var prompt = AgentPrompt(String(decoding: options.prompt, as: UTF8.self))
        var session = SessionChoice.named(Random.uuid())
        if let previous = previous?.sessionID { session = .resumed(previous) }
        let clock = ContinuousClock()
        for round in 0...max(0, options.repairAttempts) {
            let start = clock.now
            try await tell(.step(.init(step: .agent, milliseconds: nil, detail: round == 0 ? nil : "repair \(round)")))
            schema?.beginRound()
            record.change { $0.transcript.beginRound() }
            var end: RoundEnd?
            if round == 0, waiting != .none { end = try await runWaitingAgent(waiting, findings, sandbox, reader) }
            if end == nil { end = try await runAgent(round, prompt, session, sandbox, workspace, reader) }
            guard let end else { return }
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
            prompt = AgentPrompt(reason)
            session = .resumed(id)
        }
    }

    private func judge(_ round: Int, _ end: RoundEnd, _ endpoint: GuestGateway.Opening) -> (JSONValue?, Verdict) {
        var end = end
        // The gateway refuses once the money is gone; the agent only sees that its model failed.
        if case .failed = end, let reason = endpoint.usage.budgetRefusal { end = .budget(reason) }
        if case .failed = end, let miss = endpoint.lastMiss {
            end = .failed(RunReport.Failure(code: "not_recorded", message: miss))
        }
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

    /// Starts an agent for the round, and lets it work to its end.
    private func runAgent(
        _ round: Int,
        _ prompt: AgentPrompt,
        _ session: SessionChoice,
        _ sandbox: Sandbox,
        _ workspace: Workspace,
        _ reader: AgentReader
    ) async throws -> RoundEnd {
        let spent = reader.endpoint.usage.costUSD ?? 0
        let command = AgentCommand(
            options: options,
            session: session,
            servers: serverPlans?.names ?? [],
            budgetUSD: round == 0 ? options.maxCostUSD.map { max(0.000001, $0 - spent) } : nil,
            maxTurns: options.maxTurns.map { max(1, $0 - reader.record.work.transcript.turns) }
        )
        var agentOptions = command.agentOptions
        agentOptions.listener = reader.transcript
        let agent: GuestSession
        do {
            agent = try await .starting(in: sandbox.link, user: Workspace.user, directory: workspace.path, agentOptions)
        } catch let error as AgentError {
            return try reader.end(error, nil)
        }
        return try await reader.read(prompt, agent)
    }
}
