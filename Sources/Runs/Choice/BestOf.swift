import FoundationEssentials
import Gateway
import Linux
import Machines
import Sandboxes
import Wire

/// Several agents at the same task, and the best of what they make of it.
///
///     create ─► copy in ─► fork ─┬► candidate 1 ─► score ┐
///                                ├► candidate 2 ─► score ├► judge ─► the winner's report
///                                └► …                    ┘
///
/// Each candidate is a run of its own, with a report, a transcript and a result tool of its own; they have one account. What the
/// winner left is also what this run left, so that it can be gone on with.
struct BestOf: Sendable {
    /// How many agents may be at work for one run.
    static let most = 16

    typealias MakeRun = @Sendable (String, RunOptions, ResultSchema?, Run.Start?) -> Run

    /// Makes the sandbox that they come from; its options are theirs.
    let run: Run
    let count: Int
    let makeRun: MakeRun

    private var options: RunOptions { run.options }

    /// Runs to the end and gives the final report.
    func execute(_ initial: RunReport) async -> RunReport {
        let clock = ContinuousClock()
        let start = clock.now
        let account = Ledger.Account.run("\(run.id)/best")
        run.gateway.ledger.open(
            account,
            limit: Ledger.Limit(dollars: options.maxCostUSD.map(Money.init(dollars:)), tokens: options.maxTokens)
        )
        var progress = RunProgress(report: initial)
        do {
            let candidates = try await candidates(account, &progress)
            try Task.checkCancellation()
            let (ranking, judge) = try await judged(candidates, account, &progress)
            await take(ranking, judge, &progress)
        } catch {
            progress.fail(Task.isCancelled ? CancellationError() : error)
        }
        run.gateway.ledger.close(account)
        if let sandbox = progress.sandbox {
            await Task { [run] in try? await run.sandboxes.kill(sandbox.id) }.value
        }
        progress.report.durations.total = Int((clock.now - start) / .milliseconds(1))
        return progress.report
    }

    // MARK: The candidates

    private func candidates(_ account: Ledger.Account, _ progress: inout RunProgress) async throws -> [RunReport] {
        let (sandbox, _) = try await run.prepare(&progress)
        let findings = progress.findings
        let fork = try await run.sandboxes.fork(sandbox, ForkRequest(count: count))
        try? await run.sandboxes.kill(sandbox.id)
        progress.sandbox = nil
        progress.report.sandboxID = nil
        for child in fork.children {
            if case .failure(let error) = child {
                progress.report.warnings.append("One agent could not begin: \(error)")
            }
        }
        guard !fork.sandboxes.isEmpty else {
            throw SandboxError(.startFailed, "No fork of the sandbox '\(sandbox.id)' could be made")
        }
        try await run.tell(.step(.init(step: .agent, milliseconds: nil, detail: "\(fork.sandboxes.count) at once")))
        let clock = ContinuousClock()
        let start = clock.now
        let reports = await withTaskGroup(of: (Int, RunReport).self) { group in
            for (number, sandbox) in fork.sandboxes.enumerated() {
                group.addTask { (number, await candidate(in: sandbox, account, findings)) }
            }
            var reports: [(number: Int, report: RunReport)] = []
            while let (number, report) = await group.next() {
                reports.append((number, report))
                try? await run.tell(
                    .warning("agent \(number + 1): \(report.outcome?.rawValue ?? "ended"), run \(report.id)")
                )
            }
            return reports.sorted { $0.number < $1.number }.map(\.report)
        }
        progress.report.durations.agent = Int((clock.now - start) / .milliseconds(1))
        let milliseconds = progress.report.durations.agent
        try await run.tell(
            .step(.init(step: .agent, milliseconds: milliseconds, detail: "\(reports.count) have ended"))
        )
        return reports
    }

    /// Lets one agent work, to a report in every case; its sandbox ends with it, unless the winner's is to be kept.
    private func candidate(
        in sandbox: Sandbox,
        _ account: Ledger.Account,
        _ findings: Workspace.Findings
    ) async -> RunReport {
        var report = RunReport(
            id: "r\(Random.name(16))",
            template: options.template,
            isolation: "microvm (\(run.sandboxes.identity.accelerator.rawValue))",
            created: Date(),
            prompt: String(String(decoding: options.prompt, as: UTF8.self).prefix(2000))
        )
        report.candidateOf = run.id
        do {
            // Each checks its own results.
            let schema = try options.schema.map {
                try ResultSchema($0, toolName: options.toolName, toolDescription: options.toolDescription)
            }
            try await run.store.insert(report)
            let start = Run.Start(sandbox: sandbox, account: account, findings: findings)
            report = await makeRun(report.id, options, schema, start).execute(report)
        } catch {
            await Task { try? await run.sandboxes.kill(sandbox.id) }.value
            report.outcome = .sandboxFailed
            report.error = RunReport.Failure(code: "internal", message: "The agent could not begin: \(error)")
        }
        let final = report
        // In a task of its own: that the run was cancelled must be written down, too.
        await Task { try? await run.store.update(final) }.value
        return report
    }

    // MARK: The choice

    /// The candidates, the best first.
    private func judged(
        _ candidates: [RunReport],
        _ account: Ledger.Account,
        _ progress: inout RunProgress
    ) async throws -> (ranking: [RunReport], judge: RunReport?) {
        let ranking = Ranking.sorted(candidates)
        let usable = candidates.filter { $0.outcome?.isSuccess == true }
        guard case .prompt(let text) = options.judge, usable.count > 1 else { return (ranking, nil) }
        let jury = AgentJudge(question: text, candidates: usable)
        var report = RunReport(
            id: "r\(Random.name(16))",
            template: options.template,
            isolation: progress.report.isolation,
            created: Date(),
            prompt: String(text.prefix(2000))
        )
        report.candidateOf = run.id
        try await run.store.insert(report)
        let schema = try ResultSchema(jury.schema, toolName: options.toolName, toolDescription: nil)
        var new = NewSandbox(template: options.template, metadata: ["run": run.id])
        new.keyID = run.key
        var judging = makeRun(report.id, jury.options(like: options), schema, nil)
        new.wantsAgent = judging.whyOwnAgent == nil
        let sandbox = try await run.sandboxes.create(new)
        let workspace = Workspace(link: sandbox.link, name: options.directory)
        judging.start = Run.Start(sandbox: sandbox, account: account, findings: Workspace.Findings())
        do {
            try await workspace.make()
            try await workspace.takeBaseline()
        } catch {
            try? await run.sandboxes.kill(sandbox.id)
            throw error
        }
        report = await judging.execute(report)
        let final = report
        await Task { try? await run.store.update(final) }.value
        guard let winner = jury.winner(of: report) else {
            progress.report.warnings.append(
                "The judge gave no verdict (\(report.outcome?.rawValue ?? "unfinished"), run \(report.id)); the choice was made "
                    + "by outcome, attempts and price"
            )
            return (ranking, report)
        }
        var chosen = usable[winner.index]
        chosen.judgement = winner.reason
        return ([chosen] + ranking.filter { $0.id != chosen.id }, report)
    }

    /// Makes the winner's report this run's, and what it left, too.
    private func take(_ ranking: [RunReport], _ judge: RunReport?, _ progress: inout RunProgress) async {
        guard let winner = ranking.first else { return }
        let own = progress.report
        var report = winner
        report.id = own.id
        report.created = own.created
        report.candidateOf = nil
        report.durations.create = own.durations.create
        report.durations.copyIn = own.durations.copyIn
        report.durations.agent = own.durations.agent
        report.warnings = own.warnings + winner.warnings
        let all = ranking + (judge.map { [$0] } ?? [])
        report.usage = all.reduce(into: RunReport.Usage()) { $0.add($1.usage) }
        report.costUSD = all.contains { $0.costUSD != nil } ? all.reduce(0) { $0 + ($1.costUSD ?? 0) } : nil
        report.candidates = ranking.map { candidate in
            var line = RunReport.Candidate(candidate)
            line.isWinner = candidate.id == winner.id
            return line
        }
        for loser in ranking.dropFirst() where loser.kept {
            guard let id = loser.sandboxID else { continue }
            await Task { try? await run.sandboxes.kill(id) }.value
        }
        let store = run.store
        for place in [store.transcript, store.diff, store.session, store.workspace] where Files.exists(place(winner.id))
        {
            do {
                try Files.link(place(winner.id), to: place(own.id))
            } catch {
                report.warnings.append("What the winner left could not be kept: \(error); run \(winner.id) has it")
            }
        }
        if winner.transcript != nil { report.transcript = store.transcript(own.id) }
        progress.report = report
    }
}

extension RunReport.Usage {
    fileprivate mutating func add(_ more: RunReport.Usage) {
        requests += more.requests
        inputTokens += more.inputTokens
        outputTokens += more.outputTokens
        cacheReadTokens += more.cacheReadTokens
        cacheCreationTokens += more.cacheCreationTokens
    }
}
