import GuestLink
import Linux
import Machines
import Records
import Synchronization
import Wire

/// A machine that runs or waits, and the connections to its guest.
struct PooledMachine: Sendable {
    let machine: any Machine
    let line: GuestLine
    let isPaused: Bool

    /// Lets it run, if it does not.
    func resume() async throws {
        guard isPaused else { return }
        line.wake()
        try await machine.unpause()
    }
}

/// Machines that wait for their sandbox, a few for each template in use, so that a create starts none.
///
/// Each was resumed from its template, has rehearsed a sandbox's first moments, was made nobody's again and was paused. Under
/// TCG the first time costs more than 100 ms, because the engine translates the guest's code then; the second a tenth of it.
///
/// Filled again behind each take, a moment later: who took a machine is about to use it. A machine that dies waiting is thrown
/// away when it is met.
final class MachinePool: Sendable {
    private struct State {
        var waiting: [String: [PooledMachine]] = [:]
        var filling: [String: Int] = [:]
        /// Builds that are used no longer: a start of theirs may still be in flight.
        var dropped: Set<String> = []
        /// The starts in flight, so that a close can wait for them.
        var starts: [UInt64: Task<Void, Never>] = [:]
        var nextStart: UInt64 = 0
        var demands: [String: PoolDemand] = [:]
        /// Ends machines that nobody needs any more.
        var keeper: Task<Void, Never>?
        var isClosed = false
    }

    /// How long a create and its first command have the processors for themselves.
    private static let refillDelay = Duration.milliseconds(250)
    /// The same where an agent waits: it is told its task first, and its rehearsal takes a processor for seconds.
    private static let agentRefillDelay = Duration.seconds(4)
    /// Machines with an agent that waits: each takes as much memory as several others.
    private static let mostAgents = 1
    /// How often it is looked whether too many wait.
    private static let trimInterval = Duration.seconds(60)
    /// How long a guest may take to rehearse, on a host that is busy with others.
    private static let rehearsalLimit = Duration.seconds(90)

    private let engine: any MachineEngine
    private let root: String
    private let size: PoolSize
    private let state = Mutex(State())
    private let closing = Latch<Void>()
    /// Starts of machines in flight at once: more than this only makes each of them slower.
    private let starts = AsyncSemaphore(4)

    init(engine: any MachineEngine, home: Home, size: PoolSize) {
        self.engine = engine
        root = home.machines
        self.size = size
    }

    /// Takes a waiting machine of `template`, or starts one.
    func take(_ template: Template) async throws -> PooledMachine {
        let now = ContinuousClock.now
        state.withLock { $0.demands[template.manifest.buildID, default: PoolDemand(since: now)].noteTake(at: now) }
        while true {
            let waiting = state.withLock { $0.waiting[template.manifest.buildID]?.popLast() }
            guard let waiting else { break }
            if waiting.machine.ended.current == nil { return waiting }
            await waiting.machine.destroy()
        }
        return try await start(template.saved) { PooledMachine(machine: $0, line: $1, isPaused: false) }
    }

    /// Starts a machine that goes on from what was saved.
    func start(from saved: SavedMachine) async throws -> any Machine {
        try await start(saved) { machine, _ in machine }
    }

    private func start<Result: Sendable>(
        _ saved: SavedMachine,
        _ finish: @Sendable @escaping (any Machine, GuestLine) async throws -> Result
    ) async throws -> Result {
        try Files.makeDirectory(root)
        let directory = "\(root)/m\(Random.name(12))"
        let engine = engine
        return try await starts.withPermit {
            let prepared = try await engine.prepare(saved, in: directory)
            do {
                let machine = try await prepared.resume()
                return try await finish(
                    machine,
                    GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
                )
            } catch {
                await prepared.discard()
                throw error
            }
        }
    }

    /// A machine that waits: it has rehearsed, is nobody's, and is paused.
    private func startWaiting(_ template: Template) async throws -> PooledMachine {
        try await start(template.saved) { machine, line in
            try await withDeadline(Self.rehearsalLimit) { try await Self.rehearse(line, template) }
            try await machine.pause()
            return PooledMachine(machine: machine, line: line, isPaused: true)
        }
    }

    /// Does what a sandbox begins with. The identity is made up, and forgotten before the machine is anyone's.
    private static func rehearse(_ line: GuestLine, _ template: Template) async throws {
        let identity = GuestIdentity(
            id: "rehearsal",
            token: Secret(Random.hex(32)),
            template: template.manifest,
            environment: [:]
        )
        let guest = try await line.initialize(identity, bootstrap: template.bootstrap)
        // A login shell, as E2B's clients start it for each command: its code is then translated, too.
        // An image may have none.
        for _ in 0..<2 { _ = try? await guest.run(GuestLink.Command("/bin/bash", ["-l", "-c", "true"])) }
        if template.manifest.agent != nil { try await WaitingAgent.rehearse(in: guest) }
        try await guest.release()
    }

    /// Starts machines until `size` of them wait; returns at once.
    func fill(_ template: Template) {
        startMissing(template, after: .zero)
    }

    /// The same for a template of which a machine was taken a moment ago.
    func refill(_ template: Template) {
        startMissing(template, after: template.manifest.agent == nil ? Self.refillDelay : Self.agentRefillDelay)
    }

    private func startMissing(_ template: Template, after delay: Duration) {
        let build = template.manifest.buildID
        let missing = state.withLock { state in
            guard !state.isClosed, !state.dropped.contains(build) else { return 0 }
            let now = ContinuousClock.now
            let wanted = state.demands[build, default: PoolDemand(since: now)].size(size, at: now)
            let size = template.manifest.agent == nil ? wanted : min(wanted, Self.mostAgents)
            let missing = max(0, size - (state.waiting[build]?.count ?? 0) - (state.filling[build] ?? 0))
            state.filling[build, default: 0] += missing
            return missing
        }
        for _ in 0..<missing { startOne(template, after: delay) }
        if missing > 0, case .byUse = size { appointKeeper() }
    }

    /// Has somebody look now and then whether more machines wait than were needed of late.
    private func appointKeeper() {
        state.withLock { state in
            guard state.keeper == nil, !state.isClosed else { return }
            // The task's owner is the pool: `close()` ends it, and waits for it.
            state.keeper = Task { [weak self] in
                while let closing = self?.closing {
                    if (try? await withDeadline(Self.trimInterval) { try await closing.value() }) != nil { return }
                    await self?.trim(at: .now)
                }
            }
        }
    }

    /// Ends the machines that wait and are more than were needed of late.
    func trim(at now: ContinuousClock.Instant) async {
        let surplus = state.withLock { state in
            var surplus: [PooledMachine] = []
            for (build, waiting) in state.waiting {
                let wanted = state.demands[build, default: PoolDemand(since: now)].size(size, at: now)
                guard waiting.count > wanted else { continue }
                surplus += waiting.prefix(waiting.count - wanted)
                state.waiting[build] = Array(waiting.suffix(wanted))
            }
            return surplus
        }
        for machine in surplus { await machine.machine.destroy() }
    }

    private func startOne(_ template: Template, after delay: Duration) {
        let build = template.manifest.buildID
        state.withLock { state in
            let number = state.nextStart
            state.nextStart += 1
            // The task's owner is the pool: `close()` waits for it.
            state.starts[number] = Task {
                // A close cuts the wait short, and the machine is not started.
                if delay > .zero { try? await withDeadline(delay) { try await self.closing.value() } }
                // Machines that wait are a luxury: a host short of memory has better uses for it.
                let hasRoom = HostMemory.hasRoom(for: template.manifest.memoryBytes)
                let isWanted = hasRoom && self.state.withLock { !$0.isClosed && !$0.dropped.contains(build) }
                let waiting = isWanted ? try? await self.startWaiting(template) : nil
                let isKept = self.state.withLock { state in
                    state.filling[build, default: 1] -= 1
                    guard let waiting, !state.isClosed, !state.dropped.contains(build) else { return false }
                    state.waiting[build, default: []].append(waiting)
                    return true
                }
                if !isKept { await waiting?.machine.destroy() }
                _ = self.state.withLock { $0.starts.removeValue(forKey: number) }
            }
        }
    }

    /// Throws away what waits for builds that are no longer used.
    func drop(_ isUnused: @Sendable (String) -> Bool) async {
        let dropped = state.withLock { state in
            let builds = Set(state.waiting.keys).union(state.filling.keys).filter(isUnused)
            state.dropped.formUnion(builds)
            return builds.flatMap { state.waiting.removeValue(forKey: $0) ?? [] }
        }
        for waiting in dropped { await waiting.machine.destroy() }
    }

    /// How many machines wait.
    var count: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } } }

    /// How many are on their way to wait, those included that are started in a moment.
    var startingCount: Int { state.withLock { $0.filling.values.reduce(0, +) } }

    func close() async {
        closing.set(())
        let (dropped, starts) = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            let tasks = Array(state.starts.values) + (state.keeper.map { [$0] } ?? [])
            return (state.waiting.values.flatMap { $0 }, tasks)
        }
        for waiting in dropped { await waiting.machine.destroy() }
        for start in starts { await start.value }
    }
}
