import Access
import FoundationEssentials
import GuestLink
import Linux
import Sandboxes
import Wire

/// All machines: the sandboxes of the installation, with what this API knows of them.
final class VirtualMachines: Sendable {
    let sandboxes: SandboxRegistry
    let records: VMRecords
    let activity = Activity()
    private let domain: String?
    private let keepers = Keepers()
    /// A machine's sandbox rests a moment before its record says since when. Who turns it, or changes its record, is alone with it.
    private let turns = Turns()

    /// - Parameter domain: below which sandboxes have host names, with the port if it is not 443.
    init(_ sandboxes: SandboxRegistry, _ records: VMRecords, domain: String?) {
        self.sandboxes = sandboxes
        self.domain = domain
        self.records = records
        for id in records.ids { watch(id) }
    }

    // MARK: Finding

    /// The machine of a request's path, by id or slug, if its caller may know of it.
    func find(_ request: Request) throws -> VM { try find(request["vm"], request.caller) }

    func find(_ name: String, _ caller: Caller) throws -> VM {
        let sandbox =
            sandboxes.sandbox(exactly: name) ?? records.id(of: name, caller).flatMap { sandboxes.sandbox(exactly: $0) }
        guard let sandbox, caller.sees(sandbox.record.owner), let vm = vm(sandbox), !vm.record.isSnapshot else {
            throw FreestyleError.noVM(name)
        }
        return vm
    }

    /// The same for a request that does something in the machine: while it lasts the machine is in use, and one that was paused
    /// goes on first, unless the request says `wake=false`.
    func use(_ request: Request) async throws -> VM {
        let vm = try find(request)
        if request.visit.enter(vm.id) { activity.enter(vm.id) }
        guard vm.sandbox.condition == .paused else {
            try await vm.sandbox.settled()
            return vm.sandbox.condition == .paused ? try await wake(vm, request) : vm
        }
        return try await wake(vm, request)
    }

    private func wake(_ vm: VM, _ request: Request) async throws -> VM {
        guard request.item("wake") != "false" else {
            throw FreestyleError.conflict("The VM '\(vm.id)' is not running; start it")
        }
        return try await start(vm)
    }

    /// Takes note that a request is over.
    func leave(_ visit: Visit) { activity.leave(visit.machines) }

    /// All that a caller may know of, the oldest first.
    func all(_ caller: Caller) -> [VM] { known(caller).filter { !$0.record.isSnapshot } }

    /// The same for machines that were put aside as snapshots.
    func snapshots(_ caller: Caller) -> [VM] { known(caller).filter(\.record.isSnapshot) }

    private func known(_ caller: Caller) -> [VM] {
        sandboxes.list().filter { caller.sees($0.record.owner) }.compactMap(vm)
    }

    func vm(_ sandbox: Sandbox) -> VM? {
        let record = records[sandbox.id] ?? VMRecord(sandbox.record)
        let state: VM.State
        switch sandbox.condition {
        case .running: state = sandbox.isRunning ? .running : .pausing
        case .paused where turns.isResting(sandbox.id): state = .pausing
        case .paused: state = (record.isStopped ?? false) && !record.isSnapshot ? .stopped : .paused
        case nil: return nil
        }
        return VM(
            sandbox: sandbox,
            record: record,
            lastActivity: activity.last(sandbox.id),
            state: state,
            domain: domain
        )
    }

    // MARK: Making and ending

    /// Makes a machine and writes down what this API knows of it; if that fails, there is none.
    ///
    /// - Parameters:
    ///   - snapshot: what it goes on from; nil makes it from the template.
    ///   - record: makes the record of a sandbox that has just been made.
    func create(
        _ new: NewSandbox,
        from snapshot: VM? = nil,
        slug: String?,
        takingSlugAway: Bool = false,
        _ record: @Sendable (SandboxRecord) -> VMRecord
    ) async throws -> VM {
        try await forgetEnded()
        return try await records.reserving(slug, of: new.owner, takingAway: takingSlugAway) {
            let sandbox = try await make(new, from: snapshot)
            let vm = try await adopt(sandbox, record(sandbox.record), takingSlugAway: takingSlugAway)
            if snapshot?.record.isStopped ?? false { try await startServices(of: vm) }
            return vm
        }
    }

    private func make(_ new: NewSandbox, from snapshot: VM?) async throws -> Sandbox {
        guard let snapshot else { return try await sandboxes.create(new) }
        let fork = try await sandboxes.fork(snapshot.sandbox, ForkRequest(lifetime: new.lifetime))
        guard let made = fork.children.first else { throw FreestyleError.noSnapshot(snapshot.id) }
        try await noteUse(of: snapshot)
        return try made.get()
    }

    /// Writes down what this API knows of a sandbox that has just been made, or ends it if that fails.
    func adopt(_ sandbox: Sandbox, _ record: VMRecord, takingSlugAway: Bool = false) async throws -> VM {
        do {
            try await records.put(record, takingSlugAway: takingSlugAway)
            activity.note(sandbox.id)
            watch(sandbox.id)
            guard let vm = vm(sandbox) else { throw FreestyleError.noVM(sandbox.id) }
            return vm
        } catch {
            try? await sandboxes.kill(sandbox.id)
            throw error
        }
    }

    func delete(_ vm: VM) async throws {
        try await sandboxes.kill(vm.id)
        try await forget([vm.id])
    }

    /// Forgets what is known of machines that have ended by themselves, or by other hands.
    private func forgetEnded() async throws {
        let living = Set(sandboxes.list().map(\.id))
        try await forget(records.ids.subtracting(living))
    }

    private func forget(_ ids: Set<String>) async throws {
        for id in ids {
            keepers.dismiss(id)
            turns.forget(id)
        }
        try await records.forget(ids)
        activity.forget(ids)
    }

    // MARK: Rest

    /// Saves a machine as it is, memory and all, and ends its run.
    func pause(_ vm: VM) async throws -> VM {
        try await turns.alone(with: vm.id) { [self] in try await rest(vm, isStopped: false) }
    }

    /// Ends what runs in a machine and saves it: when it is started, only its services are.
    func stop(_ vm: VM) async throws -> VM {
        try await turns.alone(with: vm.id) { [self] in
            let vm = try find(vm.id, .local)
            if vm.state == .stopped { return vm }
            let running = vm.state == .paused ? try await goOn(vm) : vm
            _ = try await running.link.call(HaltPrograms.self, Empty())
            return try await rest(running, isStopped: true)
        }
    }

    private func startServices(of vm: VM) async throws {
        _ = try await vm.link.call(ControlUnits.self, .init(.start))
    }

    private func rest(_ vm: VM, isStopped: Bool) async throws -> VM {
        try await turns.resting(vm.id) { [self] in try await pauseAndNote(vm, isStopped: isStopped) }
        watch(vm.id)
        return try find(vm.id, .local)
    }

    private func pauseAndNote(_ vm: VM, isStopped: Bool) async throws {
        do { try await sandboxes.pause(vm.sandbox) } catch let error as SandboxError where error.code == .paused {
            throw FreestyleError.conflict("The VM '\(vm.id)' is not running")
        }
        var record = records[vm.id] ?? vm.record
        let now = Date()
        record.pastRunSeconds = record.runSeconds(at: now, isRunning: true)
        record.isStopped = isStopped ? true : nil
        record.updated = now
        try await records.put(record)
    }

    /// Lets a machine go on; one that runs is left alone.
    ///
    /// - Throws: ``FreestyleError`` with status 409 when it has run as long as it may in all.
    func start(_ vm: VM) async throws -> VM {
        try await turns.alone(with: vm.id) { [self] in try await goOn(vm) }
    }

    /// Changes what this API knows of a machine.
    ///
    /// - Parameter change: makes another record of the machine as it is now.
    func change(_ vm: VM, takingSlugAway: Bool, _ change: @escaping @Sendable (VM) throws -> VMRecord) async throws {
        try await turns.alone(with: vm.id) { [self] in
            try await records.put(try change(try find(vm.id, .local)), takingSlugAway: takingSlugAway)
        }
        watch(vm.id)
    }

    private func goOn(_ vm: VM) async throws -> VM {
        var record = records[vm.id] ?? vm.record
        guard vm.sandbox.condition == .paused else { return vm }
        let now = Date()
        if let most = record.limits.maxRunTotal, record.pastRunSeconds ?? 0 >= Double(most) {
            throw FreestyleError.conflict("The VM '\(vm.id)' has run for the \(most) seconds that it may in all")
        }
        // A paused sandbox gets its time anew; a machine's is counted from its creation.
        let left = record.limits.ttl.map {
            Duration.seconds(max(1, Double($0) - now.timeIntervalSince(record.created)))
        }
        if try await sandboxes.resume(vm.sandbox, living: .anew(left)) {
            let wasStopped = record.isStopped ?? false
            record.isStopped = nil
            record.runningSince = now
            record.updated = now
            try await records.put(record)
            if wasStopped { try await startServices(of: vm) }
            activity.note(vm.id)
            watch(vm.id)
        }
        return try find(vm.id, .local)
    }

    // MARK: Limits

    /// Has a machine's limits kept from now on, as they are now.
    func watch(_ id: String) {
        guard let limits = records[id]?.limits, limits.needKeeper else { return keepers.dismiss(id) }
        keepers.appoint(id) { [weak self] in
            while let wait = try await self?.keep(id) { try await EventLoop.shared.sleep(for: wait) }
        }
    }

    /// Does what is due.
    ///
    /// - Returns: how long nothing can become due; nil when there is nothing to keep any more.
    private func keep(_ id: String) async throws -> Duration? {
        guard let vm = sandboxes.sandbox(exactly: id).flatMap(vm) else { return nil }
        switch vm.record.limits.due(vm, at: Date()) {
        case .nothing(let wait): return wait
        case .pause: _ = try await pause(vm)
        case .delete: try await delete(vm)
        }
        return .zero
    }
}
