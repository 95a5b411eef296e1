import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// A program and what its client has sent it, over all the sockets that the client has had.
///
/// What a client has sent is taken here and only then written, by a task that no socket's end can stop half-way: so it is
/// always known which bytes have come.
final class ExecSession: Sendable {
    private struct State {
        var input: [[UInt8]] = []
        var waiting = 0
        /// All bytes that have come, written or not.
        var accepted = 0
        var isInputEnded = false
        /// Nobody reads the rest.
        var isInputClosed = false
        /// Set when another socket takes the place of the one that is there.
        var visitor: Latch<Void>?
        var visits = 0
    }

    private static let lingers: ClosedRange<Double> = 0...86_400

    let process: GuestProcess
    let output: any ResumableOutput
    private let linger: Duration
    private let state = Mutex(State())
    private let changes = Changes()

    init(_ process: GuestProcess, _ output: any ResumableOutput, linger: Double?) {
        self.process = process
        self.output = output
        self.linger = .seconds(min(max(linger ?? 900, Self.lingers.lowerBound), Self.lingers.upperBound))
        // The task's owner is the process: it ends with it.
        Task(executorPreference: EventLoop.shared) { [self] in await feed() }
    }

    /// How many bytes for standard input have come.
    var accepted: Int { state.withLock { $0.accepted } }

    /// Takes bytes for the program's standard input. It never waits: what a client says behind them must be heard.
    func accept(_ bytes: ArraySlice<UInt8>) throws(CallError) {
        let isTaken = state.withLock { state in
            guard state.waiting + bytes.count <= ExecCount.window || state.isInputClosed else { return false }
            state.accepted += bytes.count
            if !state.isInputClosed, !state.isInputEnded {
                state.input.append(Array(bytes))
                state.waiting += bytes.count
            }
            return true
        }
        guard isTaken else {
            throw CallError(.resourceExhausted, "More than \(ExecCount.window) bytes of input wait for the program")
        }
        changes.announce()
    }

    /// Waits until the program has been given at least `count` bytes, or all that come; gives their number.
    func written(atLeast count: Int) async throws -> Int {
        while true {
            let seen = changes.version
            let written = state.withLock { $0.accepted - $0.waiting }
            if written >= count { return written }
            try await changes.wait(past: seen)
        }
    }

    /// Says the end of standard input; what came before is still written.
    func endInput() {
        state.withLock { $0.isInputEnded = true }
        changes.announce()
    }

    private func feed() async {
        await withTaskGroup { group in
            group.addTask { [self] in try? await feedUntilEnd() }
            group.addTask { [process] in _ = try? await process.ending.value() }
            await group.next()
            group.cancelAll()
        }
        state.withLock { state in
            state.isInputClosed = true
            state.input = []
            state.waiting = 0
        }
        changes.announce()
    }

    private func feedUntilEnd() async throws {
        while true {
            let seen = changes.version
            let (bytes, isEnded) = state.withLock { state in
                (state.input.isEmpty ? nil : state.input.removeFirst(), state.isInputEnded)
            }
            if let bytes {
                try await process.input.write(ProcessInput(stdin: Data(bytes)))
                state.withLock { $0.waiting -= bytes.count }
                changes.announce()
            } else if isEnded {
                return try await process.input.end()
            } else {
                try await changes.wait(past: seen)
            }
        }
    }

    // MARK: Visits

    /// Runs `body` as the program's one client; whoever was that before is told to go by its latch.
    func visit(_ body: (_ displaced: Latch<Void>) async throws -> Void) async throws {
        let mine = Latch<Void>()
        let before = state.withLock { state in
            defer { state.visitor = mine }
            state.visits += 1
            return state.visitor
        }
        before?.set(())
        defer { leave(mine) }
        try await body(mine)
    }

    private func leave(_ visitor: Latch<Void>) {
        let visits: Int? = state.withLock { state in
            guard state.visitor === visitor else { return nil }
            state.visitor = nil
            return state.visits
        }
        guard let visits, process.isRunning else { return }
        // The task's owner is the session: it ends after the time that the program may outlive its client.
        Task(executorPreference: EventLoop.shared) { [self] in
            try await EventLoop.shared.sleep(for: linger)
            guard state.withLock({ $0.visitor == nil && $0.visits == visits }), process.isRunning else { return }
            await process.signal(SIGTERM)
            let hasEnded: Void? = try? await withDeadline(.seconds(5)) { [process] in
                _ = try await process.ending.value()
            }
            if hasEnded == nil { await process.signal(SIGKILL) }
        }
    }
}
