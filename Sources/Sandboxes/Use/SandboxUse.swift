import FoundationEssentials
import Linux
import Machines
import Synchronization

/// Whether somebody uses a sandbox, and when somebody did last: a client, an agent in it that waits for its model, or a command that
/// computes.
package final class SandboxUse: Sendable {
    /// What a machine takes of one processor in which no command computes is a third of this.
    private static let busyShare = 0.05
    /// Over less time than this nothing is said about a machine.
    private static let shortest = Duration.seconds(2)

    /// What a machine had used of the processors at one moment.
    struct Measurement: Sendable {
        let machine: Int32
        let seconds: Double
        let time: ContinuousClock.Instant
    }

    private struct State {
        var users = 0
        var last: ContinuousClock.Instant
        var measured: Measurement?
    }
    private let state: Mutex<State>

    init(since start: ContinuousClock.Instant = .now) {
        state = Mutex(State(last: start))
    }

    /// Counts the sandbox as used as long as `body` lasts.
    package func during<Result>(_ body: () async throws -> Result) async rethrows -> Result {
        state.withLock { $0.users += 1 }
        defer {
            state.withLock { state in
                state.users -= 1
                state.last = .now
            }
        }
        return try await body()
    }

    /// Counts it as used just now.
    func note(at now: ContinuousClock.Instant = .now) { state.withLock { $0.last = now } }

    /// For how long nobody has used it.
    ///
    /// - Parameter measurement: of its machine, now; what it has used since the one before says whether a command computed.
    func idleTime(_ measurement: Measurement?, at now: ContinuousClock.Instant = .now) -> Duration {
        state.withLock { state in
            if let measurement { Self.note(measurement, &state) }
            return state.users > 0 ? .zero : max(.zero, now - state.last)
        }
    }

    private static func note(_ measurement: Measurement, _ state: inout State) {
        guard let before = state.measured, before.machine == measurement.machine else {
            // Another machine: it has just begun to go on.
            state.measured = measurement
            state.last = max(state.last, measurement.time)
            return
        }
        let elapsed = measurement.time - before.time
        guard elapsed >= shortest else { return }
        state.measured = measurement
        if measurement.seconds - before.seconds > busyShare * (elapsed / .seconds(1)) {
            state.last = max(state.last, measurement.time)
        }
    }
}

extension Sandbox {
    /// For how long nobody has used it; nil when it rests, or ends.
    package var idleTime: Duration? {
        guard let machine = stay?.machine.processID else { return nil }
        let now = ContinuousClock.now
        let seconds = ProcessorTime.seconds(of: machine)
        return use.idleTime(seconds.map { .init(machine: machine, seconds: $0, time: now) }, at: now)
    }

    /// How many seconds are left until its time is over, or it has been idle for as long as it may; nil when neither will be.
    var secondsLeft: Double? {
        let record = record
        let untilIdle = record.lifecycle.idleLimit.flatMap { limit in idleTime.map { limit - $0 / .seconds(1) } }
        return [record.ends?.timeIntervalSinceNow, untilIdle].compactMap { $0 }.min()
    }
}
