// Sandboxes: from a template to a running guest and back to nothing.
//
//     create ─► template ─► machine from the pool ─► record ─► resume ─► identity ─► running ─► stopping ─► stopped
//                   each step has its undo, run in reverse when a later step fails         │ ▲
//                                                                                     pause ▼ │ resume
//                                                                                         paused
//
// The registry owns every sandbox of the installation. Its records are in SQLite, so that a daemon that starts after a crash
// finds the machines again, which outlive it, and what is saved of sandboxes that rest; what it does not find again it reports
// and forgets. SandboxLife has the rules, SandboxRegistry+Pause the way to rest and back.

import FoundationEssentials
import GuestLink
import HTTP
import Linux
import Machines
import Records
import Snapshots
import Synchronization
import Wire

/// All sandboxes of this installation.
package final class SandboxRegistry: Sendable {
    /// Carries a connection that a guest opened to the gateway.
    package typealias Carrier = @Sendable (Sandbox, TunnelOpening, any ByteStream) async -> Void

    private struct State {
        /// Those that run and those that rest.
        var known: [String: Sandbox] = [:]
        var isClosed = false
        /// Serves what reaches for the gateway.
        var carrier: Carrier?
        /// Serves the volumes of each.
        var volumes: Carrier?
        /// When the last sandbox was made, in microseconds.
        var lastCreated: Int64 = 0
        var uses: [String: TemplateUse] = [:]
    }

    package let templates: TemplateStore
    /// What sandboxes that have ended left.
    package let archive: JournalArchive
    /// What is saved of sandboxes.
    package let snapshots: SnapshotStore
    let engine: any MachineEngine
    let home: Home
    let records: SandboxRecords
    let snapshotRecords: SnapshotRecords
    /// What leaves sandboxes.
    package let networks: SandboxNetworks
    /// What was done to sandboxes, and what they did.
    package let audits: SandboxAudits
    let pool: MachinePool
    let quota: SandboxQuota
    private let state = Mutex(State())
    let beforeStep: @Sendable (CreateStep) async throws -> Void
    let beforeTurn: @Sendable (TurnStep) async throws -> Void
    let log: @Sendable (String) -> Void

    package init(
        engine: any MachineEngine,
        home: Home,
        database: Database,
        poolSize: PoolSize,
        limitPerOwner: Int? = nil,
        network: SandboxNetworks.Settings = SandboxNetworks.Settings(),
        beforeStep: @escaping @Sendable (CreateStep) async throws -> Void = { _ in },
        beforeTurn: @escaping @Sendable (TurnStep) async throws -> Void = { _ in },
        log: @escaping @Sendable (String) -> Void
    ) {
        self.engine = engine
        self.home = home
        self.beforeStep = beforeStep
        self.beforeTurn = beforeTurn
        self.log = log
        templates = TemplateStore(home)
        archive = JournalArchive(home)
        snapshots = SnapshotStore(home)
        records = SandboxRecords(database)
        snapshotRecords = SnapshotRecords(database)
        let audits = SandboxAudits(home, database, log: log)
        self.audits = audits
        networks = SandboxNetworks(network, authorities: home.authorities) { audits.note($0) }
        pool = MachinePool(engine: engine, home: home, size: poolSize)
        quota = SandboxQuota(limit: limitPerOwner)
    }

    package var identity: MachineIdentity { engine.identity }

    /// Says who carries the connections that guests open; before the first create.
    package func carryConnections(_ carrier: @escaping Carrier) {
        state.withLock { $0.carrier = carrier }
    }

    /// Says who serves the volumes that guests have mounted; before the first create.
    package func carryVolumes(_ carrier: @escaping Carrier) {
        state.withLock { $0.volumes = carrier }
    }

    // MARK: Making

    package func create(_ request: NewSandbox) async throws -> Sandbox {
        var undo = UndoStack()
        do {
            let sandbox = try await create(request, &undo)
            return sandbox
        } catch {
            await undo.run()
            throw error
        }
    }

    private func create(_ request: NewSandbox, _ undo: inout UndoStack) async throws -> Sandbox {
        try checkOpen()
        try quota.enter(request.owner)
        undo.add { [quota] in quota.leave(request.owner) }
        try await beforeStep(.template)
        var request = request
        request.egress = request.egress ?? networks.settings.policy
        if let snapshot = try await namedSnapshot(request.template, of: request.owner) {
            return try await create(request, from: snapshot, &undo)
        }
        var template = try templates.template(request.template)
        if request.wantsAgent, let agent = templates.withAgent(template.manifest) { template = agent }

        try await beforeStep(.machine)
        let taken = try await pool.take(template)
        let machine = taken.machine
        undo.add { await machine.destroy() }
        pool.refill(template)

        try await beforeStep(.record)
        let id = "i\(Random.name(20))"
        let token = Secret(Random.hex(32))
        // With an agent or without, it is the template that was asked for.
        let record = SandboxRecord(
            id: id,
            request,
            template: template.manifest,
            machine: machine.directory.split(separator: "/").last.map(String.init) ?? "",
            created: nextCreated(),
            trafficToken: request.ingress.allowsPublicTraffic ? nil : Random.hex(32)
        )
        try await records.insert(record, token: token)
        undo.add { [records] in try? await records.remove(id) }

        try await beforeStep(.resume)
        try await taken.resume()

        try await beforeStep(.identity)
        try await introduce(
            taken,
            GuestIdentity(id: id, token: token, template: template.manifest, environment: request.environment),
            bootstrap: template.bootstrap
        )

        let stay = Stay(in: machine)
        let sandbox = Sandbox(record: record, template: template.manifest, stay: stay, line: taken.line, token: token)
        if template.manifest.agent != nil { sandbox.agent.arrive(hasRehearsed: taken.isPaused) }
        try await settle(sandbox, stay, volumes: request.volumes, &undo)
        state.withLock { $0.uses[template.manifest.name, default: TemplateUse()].note(record.created) }
        return sandbox
    }

    /// The end of each create: gives a guest that has its identity its ways out and its volumes, and takes the sandbox in.
    func settle(_ sandbox: Sandbox, _ stay: Stay, volumes: [VolumeMount], _ undo: inout UndoStack) async throws {
        try await beforeStep(.tunnels)
        openTunnels(of: sandbox, stay)
        undo.add { [self] in
            await sandbox.stop(.startFailed)
            networks.remove(sandbox.id)
            networks.removeAuthority(of: sandbox.id)
        }
        try await beforeStep(.volumes)
        for volume in volumes { try await mount(volume, in: sandbox) }
        try await introduceAuthority(of: sandbox.id, for: sandbox.record.egressPolicy, over: sandbox.link)
        try await beforeStep(.done)
        try adopt(sandbox)
        watch(sandbox, stay)
        audits.noteCreation(of: sandbox.record)
    }

    /// Makes a sandbox for somebody who may lose patience; of one that nobody waits for any more, nothing is left.
    ///
    /// - Parameter gone: returns when the caller has gone.
    /// - Returns: nil when the caller had gone.
    package func create(_ request: NewSandbox, unless gone: @escaping @Sendable () async -> Void) async throws
        -> Sandbox?
    {
        try await make(unless: gone) {
            try await self.create(request)
        } discard: {
            try? await kill($0.id)
        }
    }

    /// - Throws: ``SandboxError/Code/shuttingDown`` when nothing is made any more.
    func checkOpen() throws {
        guard !state.withLock({ $0.isClosed }) else {
            throw SandboxError(.shuttingDown, "The daemon is stopping; try again when it has started")
        }
    }

    /// Now, in microseconds, and later than ever before: lists are in this order, and no two sandboxes are equally old.
    func nextCreated() -> Date {
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        let created = state.withLock { state in
            state.lastCreated = max(now, state.lastCreated + 1)
            return state.lastCreated
        }
        return Date(timeIntervalSince1970: Double(created) / 1_000_000)
    }

    private func introduce(_ taken: PooledMachine, _ identity: GuestIdentity, bootstrap: Secret) async throws {
        do {
            _ = try await withDeadline(.seconds(20)) {
                try await taken.line.initialize(identity, bootstrap: bootstrap)
            }
        } catch {
            throw SandboxError(
                .startFailed,
                "The guest of sandbox '\(identity.hostname)' did not take its identity; its console ends: "
                    + "\(taken.machine.consoleTail().suffix(300))",
                cause: error
            )
        }
    }

    func openTunnels(of sandbox: Sandbox, _ stay: Stay) {
        let (carrier, volumes) = state.withLock { ($0.carrier, $0.volumes) }
        guard let carrier else { return }
        let network = networks.network(of: sandbox)
        stay.openTunnels(sandbox.link) { [weak sandbox] opening, stream in
            switch opening.kind {
            case .gateway: if let sandbox { await carrier(sandbox, opening, stream) }
            case .volume: if let sandbox { await volumes?(sandbox, opening, stream) }
            case .tcp, .dns: await network.carry(opening, stream)
            }
            stream.close()
        }
    }

    func mount(_ volume: VolumeMount, in sandbox: Sandbox) async throws {
        do {
            _ = try await withDeadline(.seconds(30)) { try await sandbox.link.call(MountVolume.self, volume) }
        } catch {
            throw SandboxError(
                .startFailed,
                "The volume '\(volume.name)' was not mounted at '\(volume.path)' in sandbox '\(sandbox.id)'",
                cause: error
            )
        }
    }

    /// Takes a sandbox into the registry.
    func adopt(_ sandbox: Sandbox) throws {
        try state.withLock { state in
            guard !state.isClosed else {
                throw SandboxError(.shuttingDown, "The daemon is stopping; try again when it has started")
            }
            state.known[sandbox.id] = sandbox
            // Those of an earlier daemon were made before any that is yet to be.
            let created = Int64(sandbox.record.created.timeIntervalSince1970 * 1_000_000)
            state.lastCreated = max(state.lastCreated, created)
        }
    }

    /// Watches the machine of a sandbox, and its deadline.
    func watch(_ sandbox: Sandbox, _ stay: Stay) {
        // The task's owner is the stay: it ends when the machine does, and every machine ends.
        Task(executorPreference: EventLoop.shared) { [self] in
            try? await stay.machine.ended.value()
            await lost(sandbox, stay)
        }
        saveNowAndThen(sandbox, stay)
        watchDeadline(of: sandbox)
    }

    /// Does for a sandbox that goes on what is done for one that runs.
    func attend(_ sandbox: Sandbox, _ stay: Stay) {
        openTunnels(of: sandbox, stay)
        watch(sandbox, stay)
    }

    // MARK: Using

    package func list() -> [Sandbox] {
        let known = state.withLock { Array($0.known.values) }.map { (created: $0.record.created, sandbox: $0) }
        return known.sorted { ($0.created, $0.sandbox.id) < ($1.created, $1.sandbox.id) }.map(\.sandbox)
    }

    /// How often a template was used since the daemon started.
    package func use(of template: String) -> TemplateUse {
        state.withLock { $0.uses[template] ?? TemplateUse() }
    }

    /// The sandbox with exactly this id, running or not, unless it is ending.
    package func sandbox(exactly id: String) -> Sandbox? {
        state.withLock { $0.known[id] }.flatMap { $0.condition == nil ? nil : $0 }
    }

    /// The sandbox called `id`, or the only one whose id starts so.
    package func sandbox(_ id: String) throws -> Sandbox {
        let matches = state.withLock { state in
            state.known[id].map { [$0] } ?? state.known.values.filter { id.count >= 4 && $0.id.hasPrefix(id) }
        }
        if matches.count == 1 { return matches[0] }
        if let ended = archive.sandbox(id) {
            throw SandboxError(.notFound, "The sandbox '\(id)' is no more: \(ended.reason.sentence)")
        }
        throw SandboxError(
            .notFound,
            matches.isEmpty
                ? "There is no sandbox '\(id)'; 'martlet ls' lists them"
                : "'\(id)' is the start of \(matches.count) sandboxes; give more of it"
        )
    }

    /// Ends a sandbox and waits until nothing is left of it.
    package func kill(_ id: String, _ reason: StopReason = .requested) async throws {
        await end(try sandbox(id), reason)
    }

    func end(_ sandbox: Sandbox, _ reason: StopReason) async {
        if await sandbox.stop(reason) { await forget(sandbox, reason) }
    }

    /// Keeps of a sandbox that has ended what is to be kept.
    func forget(_ sandbox: Sandbox, _ reason: StopReason) async {
        await archive.keep(EndedSandbox(sandbox.record, reason, at: Date()), sandbox.journal.known)
        let known = state.withLock { $0.known.removeValue(forKey: sandbox.id) }
        if known != nil { quota.leave(sandbox.record.owner) }
        networks.remove(sandbox.id)
        networks.removeAuthority(of: sandbox.id)
        audits.noteCommands(sandbox.journal.known, of: sandbox.id)
        await audits.close(sandbox.record, reason)
        try? await records.remove(sandbox.id)
        archive.removeNotes(of: sandbox.id)
        if let saved = sandbox.record.saved { try? await snapshots.remove(saved.snapshot) }
        if reason == .machineEnded { log("sandbox \(sandbox.id): its machine ended by itself") }
    }

    // MARK: Beginning and end

    /// How many machines wait for their sandbox.
    package var waitingMachines: Int { pool.count }
    /// How many are about to wait.
    package var startingMachines: Int { pool.startingCount }

    /// Starts waiting machines for every template that was made by a recipe. Of others there may be any number; machines wait
    /// for those that are used.
    package func fillPools() {
        for name in templates.names() {
            if let template = try? templates.template(name), template.manifest.key == nil {
                pool.fill(template)
                if let agent = templates.withAgent(template.manifest) { pool.fill(agent) }
            }
        }
    }

    /// Replaces the waiting machines of a template that was built anew or removed.
    package func templateChanged(from previous: String?) async {
        if let previous { await pool.drop { $0 == previous || TemplateStore.isAgentBuild($0, of: previous) } }
        fillPools()
    }

    /// Ends the pool, and every sandbox that runs unless they are to be found again by the next daemon. Those that rest cost
    /// nothing and go on resting.
    package func close(keepingSandboxes: Bool) async {
        state.withLock { $0.isClosed = true }
        await pool.close()
        if keepingSandboxes { return }
        await withTaskGroup { group in
            for sandbox in list() where sandbox.condition != .paused {
                group.addTask { await self.end(sandbox, .shutdown) }
            }
        }
    }
}
