import Glibc
import Linux
import Synchronization
import Wire

/// A process that was started through the agent, from its start until nobody may ask for it any more.
final class GuestProcess: Sendable {
    /// How it ended, as its readers are told.
    enum Ending: Sendable {
        /// - Parameter shortage: that the guest ran out of memory meanwhile, of a process that failed.
        case status(ExitStatus, shortage: String?)
        /// It ran longer than whoever started it allowed.
        case overtime(Duration)
    }

    /// A pipe or terminal that the process writes to.
    struct Outlet: Sendable {
        var stream: OutputStream
        var channel: Channel
        /// How many bytes can wait inside; what may be read after the process has ended.
        var capacity: Int
    }

    let config: ProcessConfig
    let tag: String?
    /// Whose rights it has.
    let user: String
    /// When it was started, in seconds since 1970.
    let created = Int64(time(nil))
    private let start = ContinuousClock.now
    let hasTerminal: Bool
    /// Whether it goes on when the guest is released.
    let isService: Bool
    let input: ProcessInputs
    let output: any OutputStore
    /// What it hands on to the process that takes its place, if one is to.
    let succession: Succession?
    /// Set when the process has ended and all its output is in ``output``.
    let ending = Latch<Ending>()
    /// Set when a reader was told the end.
    let isTold = Latch<Void>()

    private let child: ChildProcess
    private let group: ControlGroup?
    private let outlets: [Outlet]
    private let journal: ProcessJournal
    private let shortages: MemoryShortages
    /// How many there were when it was started.
    private let shortagesBefore: Int
    /// Why the agent has killed it, if it has.
    private let kill = Mutex<KillReason?>(nil)

    private enum KillReason {
        case request
        case overtime(Duration)
    }

    init(
        _ request: StartProcess.Request,
        user: String,
        child: ChildProcess,
        group: ControlGroup?,
        outlets: [Outlet],
        input: ProcessInputs,
        output: any OutputStore,
        succession: Succession?,
        journal: ProcessJournal,
        shortages: MemoryShortages
    ) {
        config = request.process
        tag = request.tag
        hasTerminal = request.pty != nil
        self.user = user
        isService = request.service ?? false
        self.child = child
        self.group = group
        self.outlets = outlets
        self.input = input
        self.output = output
        self.succession = succession
        self.journal = journal
        self.shortages = shortages
        shortagesBefore = shortages.count
    }

    var pid: UInt32 { UInt32(child.pid) }
    var isRunning: Bool { child.exit.current == nil }
    /// The number of its terminal session: of the first process in it.
    var session: UInt32 { succession?.session ?? pid }
    /// Whether it runs, or another will in its place.
    var goesOn: Bool { isRunning || succession?.isOver == false }
    func isNewer(than other: GuestProcess) -> Bool { start > other.start }
    /// Whether its output stays until somebody has read it.
    var isOutputKept: Bool { output is any ResumableOutput }

    /// Carries the output until the process has ended.
    ///
    /// A child that goes on in the background may keep a pipe open; it is given a moment, for what the shell left it to
    /// write, and then no longer waited for. Only a process that was killed takes its whole group with it.
    func live(limit: Duration?) async {
        let drained = Latch<Void>()
        // Owned by this function: it is awaited below.
        let carrying = Task(executorPreference: EventLoop.shared) {
            await withTaskGroup { carriers in
                for outlet in self.outlets { carriers.addTask { await self.carry(outlet) } }
            }
            drained.set(())
        }
        // Owned by this function: it is cancelled below.
        let clock = limit.map { limit in
            Task(executorPreference: EventLoop.shared) {
                try await Task.sleep(for: limit)
                await self.kill(.overtime(limit))
            }
        }
        // This task is never cancelled, so the status comes.
        let status = (try? await child.exit.value()) ?? .signalled(SIGKILL)
        clock?.cancel()
        try? await withDeadline(Self.patience) { try await drained.value() }
        carrying.cancel()
        await carrying.value
        if kill.withLock({ $0 != nil }) { await killGroup() }
        input.close()
        for outlet in outlets { outlet.channel.close() }
        if succession?.isOver ?? true { output.finish() }
        let told = ProcessEvent.End(status).status ?? ""
        if case .overtime(let limit) = kill.withLock({ $0 }) {
            journal.finish("\(told): it ran longer than \(limit)")
            ending.set(.overtime(limit))
        } else {
            let shortage = status.isSuccess ? nil : shortages.victim(after: shortagesBefore)?.description
            journal.finish(told)
            ending.set(.status(status, shortage: shortage))
        }
    }

    /// How long children that outlive the process may go on writing to its output.
    private static let patience = Duration.milliseconds(100)

    /// Carries until the end, or until it is cancelled because the process has ended; then what is in the pipe is taken, and
    /// nothing more is waited for.
    private func carry(_ outlet: Outlet) async {
        let size = outlet.stream.chunkLimit
        while !Task.isCancelled {
            // A wait that is cancelled may end in front of bytes that the loop had no time to tell of.
            guard let bytes = try? await outlet.channel.read(upTo: size) else { break }
            if bytes.isEmpty { return }
            await take(bytes, outlet.stream)
        }
        var left = outlet.capacity
        while left > 0, let bytes = try? outlet.channel.readNow(upTo: size), !bytes.isEmpty {
            left -= bytes.count
            await take(bytes, outlet.stream)
        }
    }

    private func take(_ bytes: [UInt8], _ stream: OutputStream) async {
        journal.take(stream, bytes)
        await output.add(stream, bytes)
    }

    /// Sends a signal to the process; SIGKILL reaches all that it has started, and is waited for: whoever kills a process
    /// and then looks for it must not find it.
    func signal(_ number: Int32) async {
        guard number == SIGKILL else { return child.send(number) }
        await kill(.request)
        _ = try? await withDeadline(.seconds(2)) { [child] in try await child.exit.value() }
    }

    /// Sends a signal to the process and to all that it has started.
    func signalAll(_ number: Int32) async {
        guard let group else {
            if isRunning { _ = Glibc.kill(-child.pid, number) }
            return
        }
        try? await BlockingPool.run { group.send(number) }
    }

    /// The path of its control group, where there are such.
    var groupPath: String? { group?.path }

    private func kill(_ reason: KillReason) async {
        kill.withLock { kill in if kill == nil { kill = reason } }
        if group == nil, isRunning { _ = Glibc.kill(-child.pid, SIGKILL) }
        child.send(SIGKILL)
        await killGroup()
    }

    private func killGroup() async {
        guard let group else { return }
        try? await BlockingPool.run { group.kill() }
    }
}
