// Sandboxes: from a template to a running guest and back to nothing.
//
//     create ─► template ─► machine from the pool ─► record ─► resume ─► identity ─► running ─► stopping ─► stopped
//                   each step has its undo, run in reverse when a later step fails
//
// The registry owns every running sandbox of the installation. Its records are in SQLite, so that a daemon that starts after
// a crash finds the machines again, which outlive it; what it does not find again it reports and forgets.

import FoundationEssentials
import GuestLink
import HTTP
import Linux
import Machines
import Records
import Synchronization
import Wire

/// What to make.
package struct NewSandbox: Sendable {
    package var template: String
    package var environment: [String: String]
    package var metadata: [String: String]
    /// How long it may live; nil means until it is killed.
    package var lifetime: Duration?

    package init(
        template: String,
        environment: [String: String] = [:],
        metadata: [String: String] = [:],
        lifetime: Duration? = nil
    ) {
        self.template = template
        self.environment = environment
        self.metadata = metadata
        self.lifetime = lifetime
    }
}

/// The steps of a create, in order; each can be made to fail in a test.
package enum CreateStep: String, CaseIterable, Sendable {
    case template, machine, record, resume, identity, tunnels, done
}

/// All sandboxes of this installation.
package final class SandboxRegistry: Sendable {
    /// Carries a connection that a guest opened to the outside.
    package typealias Carrier = @Sendable (Sandbox, TunnelOpening, any ByteStream) async -> Void

    private struct State {
        var running: [String: Sandbox] = [:]
        var isClosed = false
        /// Told what each sandbox's programs may reach.
        var carrier: Carrier?
    }

    package let templates: TemplateStore
    private let engine: any MachineEngine
    private let home: Home
    private let records: SandboxRecords
    private let pool: MachinePool
    private let state = Mutex(State())
    private let beforeStep: @Sendable (CreateStep) async throws -> Void
    private let log: @Sendable (String) -> Void

    package init(
        engine: any MachineEngine,
        home: Home,
        database: Database,
        poolSize: Int,
        beforeStep: @escaping @Sendable (CreateStep) async throws -> Void = { _ in },
        log: @escaping @Sendable (String) -> Void
    ) {
        self.engine = engine
        self.home = home
        self.beforeStep = beforeStep
        self.log = log
        templates = TemplateStore(home)
        records = SandboxRecords(database)
        pool = MachinePool(engine: engine, home: home, size: poolSize)
    }

    package var identity: MachineIdentity { engine.identity }

    /// Says who carries the connections that guests open; before the first create.
    package func carryConnections(_ carrier: @escaping Carrier) {
        state.withLock { $0.carrier = carrier }
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
        guard !state.withLock({ $0.isClosed }) else {
            throw SandboxError(.shuttingDown, "The daemon is stopping; try again when it has started")
        }
        try await beforeStep(.template)
        let template = try templates.template(request.template)

        try await beforeStep(.machine)
        let taken = try await pool.take(template)
        let machine = taken.machine
        undo.add { await machine.destroy() }
        pool.refill(template)

        try await beforeStep(.record)
        let id = "i\(Random.name(20))"
        let token = Secret(Random.hex(32))
        let now = Date()
        let record = SandboxRecord(
            id: id,
            template: template.manifest,
            machine: machine.directory.split(separator: "/").last.map(String.init) ?? "",
            created: now,
            ends: request.lifetime.map { now.addingTimeInterval($0 / .seconds(1)) },
            metadata: request.metadata
        )
        try await records.insert(record, token: token)
        undo.add { [records] in try? await records.remove(id) }

        try await beforeStep(.resume)
        try await taken.resume()

        try await beforeStep(.identity)
        let link = try await introduce(
            taken,
            GuestIdentity(id: id, token: token, template: template.manifest, environment: request.environment),
            bootstrap: template.bootstrap
        )

        let sandbox = Sandbox(record: record, template: template.manifest, machine: machine, link: link, token: token)
        try await beforeStep(.tunnels)
        openTunnels(sandbox)
        undo.add { await sandbox.stop(.startFailed) }
        try await beforeStep(.done)
        try adopt(sandbox)
        return sandbox
    }

    private func introduce(_ taken: PooledMachine, _ identity: GuestIdentity, bootstrap: Secret) async throws
        -> GuestLink
    {
        do {
            return try await withDeadline(.seconds(20)) {
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

    private func openTunnels(_ sandbox: Sandbox) {
        guard let carrier = state.withLock({ $0.carrier }) else { return }
        sandbox.openTunnels { [weak sandbox] opening, stream in
            if let sandbox { await carrier(sandbox, opening, stream) }
            stream.close()
        }
    }

    /// Takes a sandbox into the registry and watches its machine.
    private func adopt(_ sandbox: Sandbox) throws {
        try state.withLock { state in
            guard !state.isClosed else {
                throw SandboxError(.shuttingDown, "The daemon is stopping; try again when it has started")
            }
            state.running[sandbox.id] = sandbox
        }
        // The task's owner is the sandbox: it ends when the machine does, and every sandbox's machine ends.
        Task(executorPreference: EventLoop.shared) { [self] in
            try? await sandbox.machine.ended.value()
            await end(sandbox, .machineEnded)
        }
        watchDeadline(of: sandbox)
    }

    private func watchDeadline(of sandbox: Sandbox) {
        guard let ends = sandbox.record.ends else { return }
        // The task's owner is the sandbox: a deadline that was moved meanwhile is looked at again.
        Task(executorPreference: EventLoop.shared) { [self] in
            var deadline: Date? = ends
            while let current = deadline, sandbox.isRunning {
                let left = current.timeIntervalSinceNow
                if left <= 0 {
                    await end(sandbox, .expired)
                    return
                }
                try? await Task.sleep(for: .seconds(min(left, 3600)))
                deadline = sandbox.record.ends
            }
        }
    }

    // MARK: Using

    package func list() -> [Sandbox] {
        state.withLock { Array($0.running.values) }.sorted { $0.record.created < $1.record.created }
    }

    /// The running sandbox called `id`, or the only one whose id starts so.
    package func sandbox(_ id: String) throws -> Sandbox {
        let matches = state.withLock { state in
            state.running[id].map { [$0] } ?? state.running.values.filter { id.count >= 4 && $0.id.hasPrefix(id) }
        }
        if matches.count == 1 { return matches[0] }
        throw SandboxError(
            .notFound,
            matches.isEmpty
                ? "There is no running sandbox '\(id)'; 'martlet ls' lists them"
                : "'\(id)' is the start of \(matches.count) sandboxes; give more of it"
        )
    }

    /// Ends a sandbox and waits until nothing is left of it.
    package func kill(_ id: String, _ reason: StopReason = .requested) async throws {
        await end(try sandbox(id), reason)
    }

    private func end(_ sandbox: Sandbox, _ reason: StopReason) async {
        guard await sandbox.stop(reason) else { return }
        _ = state.withLock { $0.running.removeValue(forKey: sandbox.id) }
        try? await records.remove(sandbox.id)
        if reason == .machineEnded { log("sandbox \(sandbox.id): its machine ended by itself") }
    }

    // MARK: Beginning and end

    /// Finds the sandboxes of an earlier daemon again, removes what it left half done, and fills the pools.
    ///
    /// - Returns: how many were found, and the ids of those that were lost.
    package func recover() async throws -> (found: Int, lost: [String]) {
        var lost: [String] = []
        var kept: Set<String> = []
        var found: [Sandbox] = []
        for (record, token) in try await records.all() {
            let directory = "\(home.machines)/\(record.machine)"
            guard
                let template = record.manifest
                    ?? (try? templates.build(record.buildID, name: record.template).manifest),
                let machine = try? await engine.adopt(directory)
            else {
                lost.append(record.id)
                try await records.remove(record.id)
                continue
            }
            let link = GuestLink(GuestLine(to: machine.agentAddress), token: token)
            // One that was being made when the daemon died may not have its identity yet; nobody has ever heard of it.
            guard (try? await withDeadline(.seconds(10), { try await link.call(ListProcesses.self, Empty()) })) != nil
            else {
                lost.append(record.id)
                try await records.remove(record.id)
                continue
            }
            kept.insert(record.machine)
            found.append(
                Sandbox(record: record, template: template, machine: machine, link: link, token: token)
            )
        }
        _ = await engine.sweep(home.machines, keeping: kept)
        templates.sweep()
        for sandbox in found {
            openTunnels(sandbox)
            try adopt(sandbox)
        }
        return (found.count, lost)
    }

    /// How many machines wait for their sandbox.
    package var waitingMachines: Int { pool.count }

    /// Starts waiting machines for every template that can be used.
    package func fillPools() {
        for name in templates.names() {
            if let template = try? templates.template(name) { pool.fill(template) }
        }
    }

    /// Replaces the waiting machines of a template that was built anew or removed.
    package func templateChanged(from previous: String?) async {
        if let previous { await pool.drop(previous) }
        fillPools()
    }

    /// Ends the pool, and every sandbox unless they are to be found again by the next daemon.
    package func close(keepingSandboxes: Bool) async {
        state.withLock { $0.isClosed = true }
        await pool.close()
        if keepingSandboxes { return }
        await withTaskGroup { group in
            for sandbox in list() {
                group.addTask { await self.end(sandbox, .shutdown) }
            }
        }
    }
}

extension GuestIdentity {
    /// What a guest of `template` is told when it becomes the sandbox `id`.
    init(id: String, token: Secret, template: TemplateManifest, environment: [String: String]) {
        var variables = template.environment
        variables["E2B_SANDBOX_ID"] = id
        variables["E2B_TEMPLATE_ID"] = template.name
        for (name, value) in environment { variables[name] = value }
        self.init(
            accessToken: token.exposed { $0 },
            timeNanoseconds: Int64(Date().timeIntervalSince1970 * 1_000_000_000),
            entropy: Data(Random.bytes(64)),
            hostname: id,
            machineID: Random.hex(16),
            envVars: variables,
            defaultUser: template.user,
            defaultWorkdir: template.directory
        )
    }
}

/// What to do when a later step fails, run in reverse.
struct UndoStack {
    private var steps: [@Sendable () async -> Void] = []

    mutating func add(_ step: @escaping @Sendable () async -> Void) {
        steps.append(step)
    }

    func run() async {
        // In a task of its own: a cancelled create must still undo what it did.
        let steps = steps
        await Task { for step in steps.reversed() { await step() } }.value
    }
}
