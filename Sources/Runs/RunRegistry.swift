// Runs: a headless agent task, from a prompt to a report.
//
//     RunRegistry   all runs: starts, cancels, remembers
//        └─ Run     one run's steps, as one task
//             ├─ Workspace        the working directory in the guest
//             ├─ AgentCommand     how Claude Code is started
//             ├─ AgentReader ─► AgentTranscript   what it says
//             ├─ ResultSchema     what it hands over
//             └─ Verdict          what that comes to

import Access
import Cassettes
import Egress
import FoundationEssentials
import Gateway
import HTTP
import Linux
import Machines
import Records
import Sandboxes
import Synchronization
import Volumes
import Wire

/// All runs of this installation.
package final class RunRegistry: Sendable {
    private let sandboxes: SandboxRegistry
    private let volumes: VolumeStore
    private let gateway: GuestGateway
    private let store: RunStore
    private let hasCredential: @Sendable () async -> Bool
    private let running = Mutex<[String: Task<RunReport, Never>]>([:])

    package init(
        sandboxes: SandboxRegistry,
        volumes: VolumeStore,
        gateway: GuestGateway,
        database: Database,
        home: Home,
        hasCredential: @escaping @Sendable () async -> Bool
    ) {
        self.sandboxes = sandboxes
        self.volumes = volumes
        self.gateway = gateway
        self.hasCredential = hasCredential
        store = RunStore(database: database, home: home)
        sandboxes.carryConnections { sandbox, opening, stream in
            await gateway.carry(sandboxID: sandbox.id, key: sandbox.record.keyID, opening, stream) { answer in
                try await sandbox.use.during(answer)
            }
        }
    }

    package var runningCount: Int { running.withLock(\.count) }

    /// Runs an agent and tells what happens; ends with the report, which is also the last event.
    ///
    /// - Parameters:
    ///   - key: the id of the API key that pays; nil for local commands.
    ///   - isLocal: whether this host's user asks, who may start programs here.
    ///
    /// Cancelling the calling task, or throwing from `tell`, cancels the run; its sandbox is torn down all the same.
    ///
    /// - Throws: ``RunError`` or a schema error when the options can not be used; from then on there is a report.
    package func run(
        _ options: RunOptions,
        key: String? = nil,
        isLocal: Bool,
        files: (@Sendable (BodyWriter) async throws -> Void)?,
        tell: @escaping @Sendable (RunEvent) async throws -> Void
    ) async throws {
        let previous = try await checked(options)
        let schema = try options.schema.map {
            try ResultSchema($0, toolName: options.toolName, toolDescription: options.toolDescription)
        }
        let servers = try await servers(options, isLocal: isLocal)
        let playback = try await playback(options)
        let id = "r\(Random.name(16))"
        var initial = RunReport(
            id: id,
            template: options.template,
            isolation: "microvm (\(sandboxes.identity.accelerator.rawValue))",
            created: Date(),
            prompt: String(String(decoding: options.prompt, as: UTF8.self).prefix(2000))
        )
        initial.resumedFrom = previous?.id
        let report = initial
        try await store.insert(report)
        // Nobody left to tell is the same as being told to stop. One event at a time: several tasks of a run tell.
        let telling = AsyncLock()
        let tellOrStop: @Sendable (RunEvent) async throws -> Void = { event in
            do { try await telling.withLock { try await tell(event) } } catch { throw CancellationError() }
        }
        let makeRun = { @Sendable (id: String, options: RunOptions, schema: ResultSchema?, start: Run.Start?) in
            Run(
                id: id,
                options: options,
                key: key,
                files: nil,
                previous: nil,
                playback: playback,
                schema: schema,
                serverPlans: options.servers == nil ? nil : servers,
                sandboxes: self.sandboxes,
                volumes: self.volumes,
                gateway: self.gateway,
                store: self.store,
                start: start,
                tell: { _ in }
            )
        }
        let run = Run(
            id: id,
            options: options,
            key: key,
            files: files,
            previous: previous,
            playback: playback,
            schema: schema,
            serverPlans: servers,
            sandboxes: sandboxes,
            volumes: volumes,
            gateway: gateway,
            store: store,
            tell: tellOrStop
        )
        // The task's owner is the registry, until its end: cancelling a run by name and losing its caller end it alike.
        let store = store
        let task = Task(executorPreference: EventLoop.shared) {
            let final: RunReport
            do {
                try await tell(.started(id))
                if let count = options.bestOf {
                    final = await BestOf(run: run, count: count, makeRun: makeRun).execute(report)
                } else {
                    final = await run.execute(report)
                }
            } catch {
                var lost = report
                lost.outcome = .cancelled
                lost.error = RunReport.Failure(code: "cancelled", message: "The caller went away")
                final = lost
            }
            try? await store.update(final)
            return final
        }
        running.withLock { $0[id] = task }
        let final = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        _ = running.withLock { $0.removeValue(forKey: id) }
        try await tell(.report(final))
    }

    private func checked(_ options: RunOptions) async throws -> RunReport? {
        guard !options.prompt.isEmpty else {
            throw RunError(.invalidOptions, "The prompt is empty; say what the agent should do")
        }
        // Claude Code refuses more on its standard input.
        guard options.prompt.count <= 10_000_000 else {
            throw RunError(
                .invalidOptions,
                "The prompt is larger than 10 MB; put the material into files and pass --dir"
            )
        }
        guard Workspace.isName(options.directory) else {
            throw RunError(.invalidOptions, "'\(options.directory)' is no name for a working directory")
        }
        guard options.timeout > 0, options.timeout <= 7 * 86_400 else {
            throw RunError(.invalidOptions, "The time limit must be more than nothing and at most a week")
        }
        guard (options.maxTurns ?? 1) > 0, (options.maxCostUSD ?? 1) > 0, (options.maxTokens ?? 1) > 0,
            (0...20).contains(options.repairAttempts)
        else {
            throw RunError(.invalidOptions, "Turns, cost and tokens must be more than nothing, repair attempts 0 to 20")
        }
        guard (1...BestOf.most).contains(options.bestOf ?? 1) else {
            throw RunError(.invalidOptions, "The best is chosen of 1 to \(BestOf.most) agents")
        }
        guard options.bestOf == nil || options.resume == nil else {
            throw RunError(.invalidOptions, "Only a new run can be the best of several, not one that is gone on with")
        }
        guard options.judge == nil || options.bestOf != nil else {
            throw RunError(.invalidOptions, "A judge needs several agents to choose from")
        }
        let isReplay = options.cassette?.mode == .replay
        let isAnswered = if isReplay { true } else { await hasCredential() }
        guard isAnswered else {
            throw RunError(
                .noCredential,
                "There is no way to a model: store its key with 'martlet secret set anthropic', or set ANTHROPIC_API_KEY, or ANTHROPIC_BASE_URL for a model of your own "
                    + "('martlet model script.json' plays one), and start the daemon with it: 'martlet shutdown', then again"
            )
        }
        // What could not be mounted is said before anything is made.
        _ = try await volumes.mounts(options.volumes ?? [], owner: .installation)
        do {
            let policy = try EgressPolicy(
                allow: options.allow ?? [],
                deny: options.deny ?? [],
                headers: options.headers ?? [],
                git: options.git ?? [],
                otherwise: .closed
            )
            try await sandboxes.networks.findSecrets(of: policy, owner: .installation)
        } catch let error as EgressError {
            throw RunError(.invalidOptions, error.message)
        }
        let template = try sandboxes.templates.template(options.template).manifest
        if let bytes = options.fileBytes, bytes > Int64(template.diskMiB) << 20 {
            throw RunError(
                .tooLarge,
                "The directory takes \(bytes >> 20) MiB and the disk of '\(options.template)' has \(template.diskMiB) MiB; "
                    + "leave files out with .gitignore, or build the template with a larger --disk"
            )
        }
        guard let resume = options.resume else { return nil }
        let previous = try await store.report(resume)
        guard previous.outcome != nil else { throw RunError(.notResumable, "The run '\(previous.id)' still goes on") }
        guard let session = previous.sessionID, !session.isEmpty,
            previous.kept || Files.exists(store.session(previous.id))
        else {
            throw RunError(.notResumable, "The run '\(previous.id)' left no session to go on with; start a new one")
        }
        return previous
    }

    /// The MCP servers that the agent is to have, with all secrets that they name.
    private func servers(_ options: RunOptions, isLocal: Bool) async throws -> UpstreamPlans? {
        guard let document = options.servers else { return nil }
        let plans: UpstreamPlans
        do throws(UpstreamPlans.Invalid) {
            plans = try UpstreamPlans(document, reserved: [AgentCommand.server])
        } catch {
            throw RunError(.invalidOptions, error.description)
        }
        guard isLocal || !plans.hasPrograms else {
            throw RunError(.notAllowed, "Programs of the daemon's host are started for callers on its own socket only")
        }
        do {
            try await sandboxes.networks.findSecrets(plans.secrets, owner: .installation)
        } catch let error as EgressError {
            throw RunError(.invalidOptions, error.message)
        }
        return plans.names.isEmpty ? nil : plans
    }

    private func playback(_ options: RunOptions) async throws -> Playback? {
        guard let choice = options.cassette else { return nil }
        guard choice.path.hasPrefix("/") else {
            throw RunError(.invalidOptions, "The cassette's path '\(choice.path)' is not absolute")
        }
        let mode: Cassette.Mode =
            switch choice.mode {
            case .record: .record
            case .replay: .replay
            case .hybrid: .hybrid
            }
        do {
            return try await gateway.playback(choice.path, mode, secrets: Self.secrets(in: options.environment))
        } catch {
            throw RunError(.invalidOptions, "The cassette can not be used: \(error)")
        }
    }

    /// The variables that have a name as secrets have: their values are in no recording.
    private static func secrets(in environment: [String: String]) -> [String: Secret] {
        let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH"]
        return environment.filter { name, _ in words.contains { name.uppercased().contains($0) } }
            .mapValues { Secret($0) }
    }

    // MARK: Afterwards

    package func report(_ id: String) async throws -> RunReport {
        try await store.report(id)
    }

    package func list(limit: Int) async throws -> [RunReport] {
        try await store.list(limit: limit)
    }

    package func cancel(_ id: String) async throws {
        let report = try await store.report(id)
        running.withLock { $0[report.id] }?.cancel()
    }

    package func remove(_ id: String) async throws {
        let report = try await store.report(id)
        guard running.withLock({ $0[report.id] }) == nil else {
            throw RunError(
                .invalidOptions,
                "The run '\(report.id)' still goes on; stop it with 'martlet runs cancel \(report.id)'"
            )
        }
        try await store.remove(report.id)
    }

    /// The file with the run's transcript, which may still grow.
    package func transcriptFile(_ id: String) async throws -> String {
        let report = try await store.report(id)
        let file = store.transcript(report.id)
        guard Files.exists(file) else { throw RunError(.notFound, "The run '\(report.id)' has no transcript") }
        return file
    }

    /// Ends what the last daemon left open; before the first run.
    ///
    /// - Returns: how many runs were cut off.
    package func recover() async throws -> Int {
        let interrupted = try await store.endInterrupted()
        // By what the sandbox says: the record of a run may have been cut off before it named its sandbox, and a run that
        // went on in a sandbox kept by another must not take that with it.
        for sandbox in sandboxes.list() where sandbox.record.metadata["run"].map(interrupted.contains) == true {
            try? await sandboxes.kill(sandbox.id)
        }
        return interrupted.count
    }

    /// Cancels every run and waits for their reports.
    package func close() async {
        let tasks = running.withLock { Array($0.values) }
        for task in tasks { task.cancel() }
        for task in tasks { _ = await task.value }
    }
}
