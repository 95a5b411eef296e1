import Egress
import Gateway
import GuestLink
import HTTP
import Linux
import Sandboxes
import Volumes
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
    /// The id of the API key that pays.
    let key: String?
    /// Writes the working directory's tar stream, when ``RunOptions/hasFiles``.
    let files: (@Sendable (BodyWriter) async throws -> Void)?
    /// The run to go on with.
    let previous: RunReport?
    /// Where the model's answers are kept, or come from.
    let playback: Playback?
    let schema: ResultSchema?
    /// The MCP servers outside that the agent gets.
    let serverPlans: UpstreamPlans?
    let sandboxes: SandboxRegistry
    let volumes: VolumeStore
    let gateway: GuestGateway
    let store: RunStore
    /// Where a candidate goes on; nil makes a sandbox.
    var start: Start?
    /// Tells whoever watches. An error of it ends the run: its caller has gone.
    let tell: @Sendable (RunEvent) async throws -> Void

    /// What a candidate begins with: a fork of the sandbox that its brothers come from, and money that they share.
    struct Start: Sendable {
        let sandbox: Sandbox
        let account: Ledger.Account
        let findings: Workspace.Findings
    }

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
        report.durations.firstRequest = finishing.endpoint?.firstRequest.map { Int(($0 - start) / .milliseconds(1)) }
        return report
    }

    // MARK: The steps

    private func work(_ progress: inout RunProgress) async throws {
        let (sandbox, workspace) = try await prepare(&progress)
        let servers = serverPlans.map { plans in
            UpstreamServers(plans, version: Version.current) { [sandboxes, owner = sandbox.record.owner] in
                try await sandboxes.networks.settings.secret(owner, $0)
            }
        }
        let endpoint = gateway.open(
            sandbox.id,
            budgetUSD: options.maxCostUSD,
            budgetTokens: options.maxTokens,
            sharing: start?.account,
            run: id,
            key: key,
            playback: playback,
            results: schema?.server,
            servers: servers
        )
        progress.endpoint = endpoint
        if let serverPlans {
            let facts: [String: JSONValue] = [
                "servers": .array(serverPlans.names.map { .string($0) }),
                "secrets": .array(serverPlans.secrets.sorted().map { .string($0) }),
            ]
            sandboxes.audits.note(sandbox.id, "run.mcpServers", facts)
        }
        try await servers?.start()
        if let schema {
            try await tell(.step(.init(step: .tool, milliseconds: 0, detail: schema.toolName)))
        }
        try await letWork(sandbox, workspace, endpoint, &progress)
        try Task.checkCancellation()
        await judge(workspace, &progress)
        try await step(.collect, &progress, \.collect) { progress in
            await collect(workspace, &progress)
            return ((), nil)
        }
    }

    /// Makes the sandbox and brings the files in, unless somebody has.
    func prepare(_ progress: inout RunProgress) async throws -> (Sandbox, Workspace) {
        if let sandbox = start?.sandbox {
            progress.sandbox = sandbox
            progress.report.sandboxID = sandbox.id
            progress.workspace = Workspace(link: sandbox.link, name: options.directory)
            progress.findings = start?.findings ?? Workspace.Findings()
            return (sandbox, Workspace(link: sandbox.link, name: options.directory))
        }
        let sandbox = try await step(.create, &progress, \.create) { progress in
            let sandbox = try await obtainSandbox()
            progress.sandbox = sandbox
            progress.network = sandboxes.networks.network(of: sandbox).log
            progress.report.sandboxID = sandbox.id
            return (sandbox, sandbox.id)
        }
        try await store.update(progress.report)
        let workspace = Workspace(link: sandbox.link, name: options.directory)
        try await step(.copyIn, &progress, \.copyIn) { progress in
            let (detail, findings) = try await copyIn(workspace)
            progress.findings = findings
            progress.workspace = workspace
            return ((), detail)
        }
        return (sandbox, workspace)
    }

    func step<Result>(
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

    /// The sandbox of the run that is gone on with, if it is still there; else a new one.
    private func obtainSandbox() async throws -> Sandbox {
        if let previous, previous.kept, let id = previous.sandboxID, let sandbox = try? sandboxes.sandbox(id) {
            try await sandboxes.resume(sandbox)
            if options.changesNetwork { try await sandboxes.setEgress(egress(), of: sandbox) }
            return sandbox
        }
        var new = NewSandbox(template: options.template, metadata: ["run": id])
        new.keyID = key
        new.volumes = try await volumes.mounts(options.volumes ?? [], owner: new.owner)
        new.egress = try egress()
        new.wantsAgent = whyOwnAgent == nil
        return try await sandboxes.create(new)
    }

    /// What the sandbox of this run may reach besides the model.
    private func egress() throws -> EgressPolicy {
        try EgressPolicy(
            allow: options.allow ?? [],
            deny: options.deny ?? [],
            headers: options.headers ?? [],
            git: options.git ?? [],
            otherwise: sandboxes.networks.settings.policy
        )
    }

    private func copyIn(_ workspace: Workspace) async throws -> (detail: String?, Workspace.Findings) {
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
        return (detail, try await workspace.takeBaseline())
    }

    private func isSandbox(_ id: String?) -> Bool {
        id.flatMap { try? sandboxes.sandbox($0) } != nil
    }
}
