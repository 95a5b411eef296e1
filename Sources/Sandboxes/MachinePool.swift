import GuestLink
import Linux
import Machines
import Records
import Synchronization

/// Machines that wait for their sandbox, a few for each template in use, so that a create starts none.
///
/// Each was resumed from its template, has answered one request and was paused. Under TCG the first answer costs 80 ms,
/// because the engine translates the guest's code then; a machine that has answered once answers in a few.
///
/// Filled again behind each take, off the way of the request. A machine that dies waiting is thrown away when it is met.
final class MachinePool: Sendable {
    private struct State {
        var waiting: [String: [any Machine]] = [:]
        var filling: [String: Int] = [:]
        /// The starts in flight, so that a close can wait for them.
        var starts: [UInt64: Task<Void, Never>] = [:]
        var nextStart: UInt64 = 0
        var isClosed = false
    }

    private let engine: any MachineEngine
    private let root: String
    private let size: Int
    private let state = Mutex(State())
    /// Starts of machines in flight at once: more than this only makes each of them slower.
    private let starts = AsyncSemaphore(4)

    init(engine: any MachineEngine, home: Home, size: Int) {
        self.engine = engine
        root = home.machines
        self.size = size
    }

    /// Takes a waiting machine of `template`, or starts one. It is paused.
    func take(_ template: Template) async throws -> any Machine {
        while true {
            let waiting = state.withLock { $0.waiting[template.manifest.buildID]?.popLast() }
            guard let waiting else { break }
            if waiting.ended.current == nil { return waiting }
            await waiting.destroy()
        }
        return try await start(template)
    }

    private func start(_ template: Template) async throws -> any Machine {
        try Files.makeDirectory(root)
        let directory = "\(root)/m\(Random.name(12))"
        let engine = engine
        return try await starts.withPermit {
            let prepared = try await engine.prepare(template.saved, in: directory)
            do {
                let machine = try await prepared.resume()
                _ = await GuestLink.isHealthy(machine.agentAddress)
                try await machine.pause()
                return machine
            } catch {
                await prepared.discard()
                throw error
            }
        }
    }

    /// Starts machines until `size` of them wait; returns at once.
    func fill(_ template: Template) {
        let build = template.manifest.buildID
        let missing = state.withLock { state in
            guard !state.isClosed else { return 0 }
            let missing = max(0, size - (state.waiting[build]?.count ?? 0) - (state.filling[build] ?? 0))
            state.filling[build, default: 0] += missing
            return missing
        }
        for _ in 0..<missing { startOne(template) }
    }

    private func startOne(_ template: Template) {
        let build = template.manifest.buildID
        state.withLock { state in
            let number = state.nextStart
            state.nextStart += 1
            // The task's owner is the pool: `close()` waits for it.
            state.starts[number] = Task {
                let machine = try? await self.start(template)
                let isKept = self.state.withLock { state in
                    state.filling[build, default: 1] -= 1
                    guard let machine, !state.isClosed else { return false }
                    state.waiting[build, default: []].append(machine)
                    return true
                }
                if !isKept { await machine?.destroy() }
                _ = self.state.withLock { $0.starts.removeValue(forKey: number) }
            }
        }
    }

    /// Throws away what waits for a build that is no longer used.
    func drop(_ buildID: String) async {
        let dropped = state.withLock { $0.waiting.removeValue(forKey: buildID) } ?? []
        for machine in dropped { await machine.destroy() }
    }

    /// How many machines wait.
    var count: Int { state.withLock { $0.waiting.values.reduce(0) { $0 + $1.count } } }

    func close() async {
        let (dropped, starts) = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [:] }
            return (state.waiting.values.flatMap { $0 }, Array(state.starts.values))
        }
        for machine in dropped { await machine.destroy() }
        for start in starts { await start.value }
    }
}
