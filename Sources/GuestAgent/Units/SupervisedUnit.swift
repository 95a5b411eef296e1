import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// One unit: what it is, how it is, and the task that keeps it so.
///
///     inactive ──start──► activating ──► active ──stop──► deactivating ──► inactive
///                            ▲  │           │
///               auto-restart └──┴───────────┴──► failed, or inactive again
final class SupervisedUnit: Sendable {
    /// What a unit does to others when it has ended by itself.
    struct Consequences: Sendable {
        /// It has failed for good.
        var failed: @Sendable (Unit) -> Void
        /// It has succeeded, and is not to be known any more.
        var forget: @Sendable (SupervisedUnit) -> Void
    }

    /// From a start to the end that it leads to, over any number of restarts.
    private struct Run: Sendable {
        let stopWanted = Latch<Void>()
        let ended = Latch<Void>()
    }

    private struct State {
        var status: UnitStatus
        var run: Run?
        /// Programs that have ended, of a unit that counts as running: they may have left others behind.
        var leftovers: [GuestProcess] = []
    }

    /// Whether a run begins.
    private enum Beginning: Sendable {
        case allowed
        case refused(String)
        case stopped
    }

    /// What a run waits for.
    private enum Event: Sendable {
        case ended(UnitEnd)
        case ready
        case stop
    }

    /// How long a program that was told to end may take.
    private static let endLimit = Duration.seconds(10)
    /// How long a service that says when it has started may take to, if nobody said it.
    private static let readyLimit = 90.0

    let name: String
    let log = UnitLog()
    private let launcher: UnitLauncher
    private let consequences: Consequences
    private let state: Mutex<State>
    private let changes = Changes()

    init(_ unit: Unit, _ launcher: UnitLauncher, _ consequences: Consequences) {
        name = unit.name
        self.launcher = launcher
        self.consequences = consequences
        state = Mutex(State(status: UnitStatus(unit: unit, state: .inactive, detail: "dead", since: Date())))
    }

    var unit: Unit { status.unit }
    var status: UnitStatus { state.withLock { $0.status } }

    /// Becomes another by the same name; what runs goes on as it was started.
    func become(_ unit: Unit) { state.withLock { $0.status.unit = unit } }

    // MARK: Starting and stopping

    /// Starts it unless it runs; returns at once.
    ///
    /// - Parameter prerequisites: waits until it may start, and says why it can not, if so.
    func start(_ prerequisites: @Sendable @escaping () async -> String?) {
        let run: Run? = state.withLock { state in
            guard state.run == nil, state.status.state != .active else { return nil }
            let run = Run()
            state.run = run
            state.status.restarts = 0
            return run
        }
        guard let run else { return }
        enter(.activating, "start")
        // The task's owner is the run: whoever stops the unit waits for its end.
        Task(executorPreference: EventLoop.shared) { [self] in
            await live(run, prerequisites)
            state.withLock { $0.run = nil }
            run.ended.set(())
            changes.announce()
        }
    }

    /// Ends it, and returns when nothing of it is left.
    func stop() async {
        if let run = state.withLock({ $0.run }) {
            enter(.deactivating, "stop")
            run.stopWanted.set(())
            _ = try? await run.ended.value()
        }
        let leftovers = state.withLock { state in
            defer { state.leftovers = [] }
            return state.leftovers
        }
        for process in leftovers { await process.signal(SIGKILL) }
        if state.withLock({ $0.status.state == .active && $0.run == nil }) { enter(.inactive, "dead") }
    }

    /// Waits until a start has come to an end, whichever.
    func settled() async throws {
        while true {
            let seen = changes.version
            let status = status
            if status.state != .activating || status.detail == "auto-restart" { return }
            try await changes.wait(past: seen)
        }
    }

    private func enter(
        _ phase: UnitStatus.State,
        _ detail: String,
        reason: String? = nil,
        pid: UInt32? = nil
    ) {
        state.withLock { state in
            state.status.state = phase
            state.status.detail = detail
            state.status.since = Date()
            state.status.reason = reason
            state.status.pid = pid
        }
        changes.announce()
    }

    // MARK: Living

    private func live(_ run: Run, _ prerequisites: @Sendable @escaping () async -> String?) async {
        let waits: [@Sendable () async throws -> Beginning] = [
            { await prerequisites().map { Beginning.refused($0) } ?? .allowed },
            {
                try await run.stopWanted.value(); return .stopped
            },
        ]
        let beginning = await Self.first(waits)
        switch beginning {
        case .allowed: break
        case .refused(let reason): return fail(reason)
        case .stopped: return enter(.inactive, "dead")
        }
        var history = StartHistory()
        _ = history.admit(at: .now, unit.restart)
        while true {
            let unit = unit
            guard let end = await runOnce(unit, run) else {
                log.add(.agent, "It was stopped")
                return enter(.inactive, "dead")
            }
            state.withLock { $0.status.exitCode = end.code }
            log.add(.agent, end.words)
            let isSuccess = end.isSuccess(of: unit.kind)
            if unit.kind == .oneshot, isSuccess { return succeed(unit) }
            guard unit.restart.asks(after: end, of: unit.kind) else {
                return isSuccess ? enter(.inactive, "dead") : fail(end.words)
            }
            guard history.admit(at: .now, unit.restart) else {
                let interval = UnitEnd.text(unit.restart.interval)
                return fail("\(end.words); it was started \(unit.restart.burst) times within \(interval)")
            }
            enter(.activating, "auto-restart", reason: end.words)
            state.withLock { $0.status.restarts += 1 }
            let pause = Duration.seconds(unit.restart.pause)
            if (try? await withDeadline(pause) { try await run.stopWanted.value() }) != nil {
                return enter(.inactive, "dead")
            }
            enter(.activating, "start")
        }
    }

    private func succeed(_ unit: Unit) {
        if unit.remainsActive { enter(.active, "exited") } else { enter(.inactive, "dead") }
        if unit.isForgottenAfterSuccess { consequences.forget(self) }
    }

    private func fail(_ reason: String) {
        log.add(.agent, "It has failed")
        enter(.failed, "failed", reason: reason)
        consequences.failed(unit)
    }

    /// Runs the commands once.
    ///
    /// - Returns: how that ended; nil when it was stopped.
    private func runOnce(_ unit: Unit, _ run: Run) async -> UnitEnd? {
        let notices: UnitNotices
        do { notices = try UnitNotices(in: launcher.noticeDirectory) } catch {
            return .notStarted("The socket for its notices could not be made: \(error)")
        }
        defer { notices.close() }
        // Owned by this function: it is cancelled below.
        let hearing = Task(executorPreference: EventLoop.shared) { await notices.hear() }
        defer { hearing.cancel() }
        return await runAll(unit, run, notices)
    }

    private func runAll(_ unit: Unit, _ run: Run, _ notices: UnitNotices) async -> UnitEnd? {
        var variables = ["NOTIFY_SOCKET": notices.path]
        if let seconds = unit.watchdog { variables["WATCHDOG_USEC"] = String(Int64(seconds * 1_000_000)) }
        let begin = ContinuousClock.now
        for (index, line) in unit.commands.enumerated() {
            let isService = unit.kind == .service && index == unit.commands.count - 1
            let process: GuestProcess
            let reader: any OutputReader
            do throws(CallError) { (process, reader) = try await launcher.start(line, of: unit, variables) } catch {
                return .notStarted(error.message)
            }
            // Owned by this function: it is awaited below.
            let logged = Task(executorPreference: EventLoop.shared) { [log] in await log.take(reader) }
            let isStarted = isService && !unit.tellsReady
            enter(isStarted ? .active : .activating, isStarted ? "running" : "start", pid: process.pid)
            let end = await watch(process, unit, run, notices, since: begin, isStarted: isStarted)
            let stays = unit.kind == .oneshot && unit.remainsActive && end == .status(0)
            if stays { state.withLock { $0.leftovers.append(process) } } else { await process.signal(SIGKILL) }
            await logged.value
            if case .status(_, let shortage?) = process.ending.current { log.add(.agent, shortage) }
            guard end == .status(0) else { return end }
        }
        return .status(0)
    }

    /// Waits for the end of a program, or ends it.
    private func watch(
        _ process: GuestProcess,
        _ unit: Unit,
        _ run: Run,
        _ notices: UnitNotices,
        since begin: ContinuousClock.Instant,
        isStarted: Bool
    ) async -> UnitEnd? {
        var isStarted = isStarted
        while true {
            var waits: [@Sendable () async throws -> Event] = [
                { .ended(UnitEnd(try await process.ending.value())) },
                {
                    try await run.stopWanted.value(); return .stop
                },
            ]
            if isStarted, let seconds = unit.watchdog {
                waits.append {
                    try await notices.silence(of: .seconds(seconds)); return .ended(.silence(seconds))
                }
            }
            if !isStarted, unit.tellsReady {
                waits.append {
                    try await notices.isReady.value(); return .ready
                }
            }
            if !isStarted, let limit = unit.startLimit ?? (unit.tellsReady ? Self.readyLimit : nil) {
                waits.append {
                    try await EventLoop.shared.sleep(for: .seconds(limit) - (ContinuousClock.now - begin))
                    return .ended(.lateStart(limit))
                }
            }
            switch await Self.first(waits) {
            case .ready:
                isStarted = true
                enter(.active, "running", pid: process.pid)
            case .ended(let end): return end
            case .stop:
                await Self.end(process)
                return nil
            }
        }
    }

    /// Has all programs of a unit end, and kills those that do not.
    private static func end(_ process: GuestProcess) async {
        await process.signalAll(SIGTERM)
        _ = try? await withDeadline(endLimit) { _ = try await process.ending.value() }
    }

    /// The first result of several; the others are cancelled.
    private static func first<Result: Sendable>(_ waits: [@Sendable () async throws -> Result]) async -> Result {
        await withTaskGroup(of: Result?.self) { group in
            for wait in waits { group.addTask { try? await wait() } }
            defer { group.cancelAll() }
            // One that is cancelled has no result, and nobody cancels before there is one.
            while let result = await group.next() { if let result { return result } }
            preconditionFailure("a wait that nobody cancels has a result")
        }
    }
}
