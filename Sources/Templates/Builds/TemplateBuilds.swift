// The builds that clients ask for: asked for, given their files, begun, followed, and over.
//
//     request ──► waiting ──begin──► building ──► ready
//                    │                   └──────► error
//                    └──────── forgotten or cancelled, or the daemon ended: error

import Access
import Egress
import FoundationEssentials
import Linux
import Machines
import Records
import Sandboxes
import Synchronization
import Wire

/// All builds of this installation by ``TemplateSpec``s.
package final class TemplateBuilds: Sendable {
    private struct State {
        var records: [String: TemplateBuildRecord] = [:]
        var logs: [String: BuildLog] = [:]
        var tasks: [String: Task<Void, Never>] = [:]
        /// What builds of this daemon made, also where another took the name since, and the template is gone.
        var made: [String: TemplateManifest] = [:]
        var isClosed = false
    }

    /// Builds at once: each has a machine of its own.
    private static let limit = 2
    /// How many records of a template are kept.
    private static let keptRecords = 20

    package let files: UploadedFiles
    let engine: any MachineEngine
    let home: Home
    package let templates: TemplateStore
    let builder: TemplateBuilder
    /// What builds may reach of which nobody says it.
    package let networks: BuildNetworks
    private let records: TemplateBuildRecords
    private let permits = AsyncSemaphore(TemplateBuilds.limit)
    private let state = Mutex(State())
    private let changed: @Sendable (_ previous: String?) async -> Void
    private let atMoment: @Sendable (StepBuildMoment) async throws -> Void

    /// - Parameter changed: told when a name points to another build, and to which it pointed.
    package init(
        engine: any MachineEngine,
        home: Home,
        database: Database,
        templates: TemplateStore,
        builder: TemplateBuilder,
        networks: BuildNetworks = BuildNetworks(),
        atMoment: @escaping @Sendable (StepBuildMoment) async throws -> Void = { _ in },
        changed: @escaping @Sendable (_ previous: String?) async -> Void
    ) {
        self.engine = engine
        self.home = home
        self.templates = templates
        self.builder = builder
        self.networks = networks
        self.atMoment = atMoment
        self.changed = changed
        files = UploadedFiles(home)
        records = TemplateBuildRecords(database)
    }

    private func logFile(_ id: String) -> String { "\(home.templates)/logs/\(id).jsonl" }

    // MARK: Asking

    /// Takes the order of a build; it begins when ``begin(_:_:)`` is called.
    ///
    /// - Throws: ``TemplateError/Code/conflict`` for a name that is somebody else's.
    package func request(_ name: TemplateName, tags: [String], size: TemplateSize, for owner: Owner) async throws
        -> TemplateBuildRecord
    {
        try size.check()
        for tag in tags where !TemplateStore.isName(tag) {
            throw TemplateError(.invalidRequest, "'\(tag)' can not be a tag: \(TemplateStore.nameRule)")
        }
        try await claim(name, for: owner)
        let wished = (name.tag == TemplateName.defaultTag ? [] : [name.tag]) + tags
        var all: [String] = []
        for tag in wished.isEmpty ? [TemplateName.defaultTag] : wished where !all.contains(tag) { all.append(tag) }
        let now = Date()
        let record = TemplateBuildRecord(
            id: Random.uuid(),
            template: name.name,
            tags: all,
            owner: owner,
            size: size,
            created: now,
            updated: now,
            status: .waiting
        )
        try await records.insert(record)
        state.withLock { $0.records[record.id] = record }
        return record
    }

    /// Takes a name, if it is nobody's.
    ///
    /// - Throws: ``TemplateError/Code/conflict`` for a name that is somebody else's.
    func claim(_ name: TemplateName, for owner: Owner) async throws {
        guard try await self.owner(of: name.name) ?? owner == owner else {
            throw TemplateError(.conflict, "The name '\(name.name)' is taken")
        }
        try await records.setOwner(owner, of: name.name)
    }

    /// Whose a name is: of what was there before names had owners, the installation's. Nil for a name that is free.
    package func owner(of template: String) async throws -> Owner? {
        if let owner = try await records.owner(of: template) { return owner }
        let isThere = BuildTemplate.recipes.contains(template) || !templates.tags(of: template).isEmpty
        return isThere ? .installation : nil
    }

    /// Begins a build that waits.
    ///
    /// - Parameter policy: what its steps may reach; nil leaves it to the installation.
    /// - Throws: ``TemplateError/Code/conflict`` unless it waits.
    package func begin(_ id: String, _ spec: TemplateSpec, reaching policy: EgressPolicy? = nil) async throws {
        let log = BuildLog(logFile(id))
        let record = try state.withLock { state throws(TemplateError) -> TemplateBuildRecord in
            guard !state.isClosed else { throw TemplateError(.conflict, "The daemon is stopping") }
            guard var record = state.records[id], record.status == .waiting else {
                throw TemplateError(.conflict, "build is not in waiting state")
            }
            record.status = .building
            record.updated = Date()
            state.records[id] = record
            state.logs[id] = log
            return record
        }
        do {
            try await records.update(record)
        } catch {
            await finish(record, log, .failure(error))
            throw error
        }
        let start = Latch<Void>()
        // The task's owner is this registry: `close` and `cancel` end it.
        let task = Task { [self] in
            try? await start.value()
            do {
                let manifest = try await permits.withPermit { [self] in
                    try await build(record, spec, policy ?? networks.policy, log)
                }
                await finish(record, log, .success(manifest))
            } catch {
                // What a cancelled step says of its end, a connection that was cut among it, is not why the build ended.
                await finish(record, log, .failure(Task.isCancelled ? CancellationError() : error))
            }
        }
        state.withLock { $0.tasks[id] = task }
        start.set(())
    }

    private func build(
        _ record: TemplateBuildRecord,
        _ spec: TemplateSpec,
        _ policy: EgressPolicy,
        _ log: BuildLog
    ) async throws -> TemplateManifest {
        let foundations = Foundations(engine: engine, home: home, templates: templates, turn: builder.turn)
        let previous = templates.tags(of: record.template).filter { record.tags.contains($0.tag) }.map(\.buildID)
        let manifest = try await StepBuild(
            engine: engine,
            home: home,
            templates: templates,
            foundations: foundations,
            images: ImageResolver(foundations: foundations, names: ImageNames(home), builder: builder),
            files: files,
            pins: builder.pins,
            network: BuildNetwork(policy, networks.outside, id: record.id, log: log),
            policy: policy,
            log: log,
            atMoment: atMoment
        ).run(record, spec)
        let pointed = templates.pointedBuilds()
        for id in previous where !pointed.contains(id) { await changed(id) }
        return manifest
    }

    private func finish(
        _ record: TemplateBuildRecord,
        _ log: BuildLog,
        _ result: Result<TemplateManifest, any Error>
    ) async {
        var record = record
        record.updated = Date()
        record.finished = record.updated
        switch result {
        case .success: record.status = .ready
        case .failure(let error):
            let failure = error as? BuildFailure
            let message = error is CancellationError ? "the build was cancelled" : failure?.message ?? "\(error)"
            record.status = .error
            record.reason = .init(message: message, step: failure?.step)
            log.add(.error, message, step: failure?.step)
        }
        let done = record
        // In a task of its own: of a build that was cancelled this is written down, too.
        await Task { [records] in try? await records.update(done) }.value
        // Its log ends when its state is known: whoever followed it asks for that next.
        state.withLock { state in
            state.records[done.id] = done
            state.tasks[done.id] = nil
            state.made[done.id] = try? result.get()
        }
        log.finish()
        // From here on its file is read.
        state.withLock { $0.logs[done.id] = nil }
        await Task { await self.forgetOld(done.template) }.value
    }

    /// Forgets all but the last few builds of a template.
    private func forgetOld(_ template: String) async {
        let all = (try? await records.records(of: template)) ?? []
        let tagged = Set(templates.tags(of: template).map(\.buildID))
        for record in all.dropFirst(Self.keptRecords)
        where record.status != .building && record.status != .waiting && !tagged.contains(record.id) {
            await forget(record.id)
        }
    }

    private func forget(_ id: String) async {
        try? await records.remove(id)
        state.withLock { state in
            state.records[id] = nil
            state.logs[id] = nil
            state.made[id] = nil
        }
        try? Files.remove(logFile(id))
    }

    // MARK: Looking

    /// What a build of this daemon made; the template itself may be gone, as another build took its name.
    package func made(_ id: String) -> TemplateManifest? { state.withLock { $0.made[id] } }

    package func record(_ id: String) async throws -> TemplateBuildRecord? {
        if let record = state.withLock({ $0.records[id] }) { return record }
        return try await records.record(id)
    }

    package func records(of template: String) async throws -> [TemplateBuildRecord] {
        try await records.records(of: template)
    }

    /// What a build has said so far.
    package func lines(_ id: String) -> [TemplateLogLine] {
        if let log = state.withLock({ $0.logs[id] }) { return log.lines }
        return BuildLog.read(logFile(id))
    }

    /// What a build that was begun says, to its end.
    package func follow(_ id: String) -> AsyncStream<TemplateLogLine>? {
        if let log = state.withLock({ $0.logs[id] }) { return log.follow() }
        // It is over already.
        let (stream, lines) = AsyncStream.makeStream(of: TemplateLogLine.self)
        for line in BuildLog.read(logFile(id)) { lines.yield(line) }
        lines.finish()
        return stream
    }

    var isBuilding: Bool { state.withLock { !$0.tasks.isEmpty } }

    /// Tells of a build that no name points to any more.
    func told(_ previous: String) async { await changed(previous) }

    // MARK: Ending

    /// Ends a build that is not over yet, and waits until nothing is left of it.
    package func cancel(_ id: String) async {
        let (task, waiting) = state.withLock { state -> (Task<Void, Never>?, TemplateBuildRecord?) in
            if let task = state.tasks[id] { return (task, nil) }
            guard var record = state.records[id], record.status == .waiting else { return (nil, nil) }
            record.status = .error
            record.reason = .init(message: "the build was cancelled", step: nil)
            record.updated = Date()
            record.finished = record.updated
            state.records[id] = record
            return (nil, record)
        }
        if let waiting { try? await records.update(waiting) }
        task?.cancel()
        await task?.value
    }

    /// Removes a template: its builds under way end, its names go, and whose it was is forgotten.
    package func remove(_ text: String) async throws {
        let name = text.contains(":") ? nil : text
        let previous = templates.pointedBuilds()
        if let name {
            let running = state.withLock { state in
                state.records.values.filter { $0.template == name && ($0.status == .building || $0.status == .waiting) }
            }
            for record in running { await cancel(record.id) }
            do {
                try templates.remove(text)
            } catch {
                // One of which no build was ever ready has no names, and is removed all the same.
                guard try await records.owner(of: name) != nil else { throw error }
            }
            for record in try await records.records(of: name) { await forget(record.id) }
            try await records.removeOwner(of: name)
        } else {
            try templates.remove(text)
        }
        for id in previous.subtracting(templates.pointedBuilds()) { await changed(id) }
    }

    /// Says of builds that the last daemon did not finish that they were cut off.
    package func recover() async throws {
        for var record in try await records.records() where record.status == .building || record.status == .waiting {
            // What was published in the last moment is whole.
            let isReady = templates.tags(of: record.template).contains { $0.buildID == record.id }
            record.status = isReady ? .ready : .error
            if !isReady { record.reason = .init(message: "the daemon ended before the build did", step: nil) }
            record.finished = Date()
            try await records.update(record)
        }
        await StepCache(home, identity: engine.identity).sweep()
    }

    package func close() async {
        let tasks = state.withLock { state in
            state.isClosed = true
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
