import FoundationEssentials
import Sandboxes

extension VMLimits {
    /// What is to be done about a machine.
    enum Due: Sendable, Hashable {
        /// Nothing, for so long at least.
        case nothing(Duration)
        case pause
        case delete
    }

    /// How long a wait goes on before the host's clock is looked at again: it may have been set.
    private static let longestWait = 10.0

    /// Whether somebody has to look after them.
    var needKeeper: Bool { [idleTimeout, autoDelete, ttl, maxRun, maxRunTotal].contains { $0 != nil } }

    func due(_ vm: VM, at now: Date) -> Due {
        let quiet = now.timeIntervalSince(
            max(vm.lastActivity ?? .distantPast, vm.record.runningSince ?? vm.record.created)
        )
        // Commands that compute and agents that wait for their model come in by no request.
        let idle = vm.sandbox.idleTime.map { $0 / .seconds(1) }
        return due(
            state: vm.state,
            quiet: min(quiet, idle ?? quiet),
            run: vm.record.currentRunSeconds(at: now),
            total: vm.record.runSeconds(at: now, isRunning: true),
            rest: now.timeIntervalSince(vm.record.updated),
            age: now.timeIntervalSince(vm.record.created)
        )
    }

    /// - Parameters: all in seconds: since it was used last, of the run of now, of all runs, since it rests, and since it was made.
    func due(state: VM.State, quiet: Double, run: Double, total: Double, rest: Double, age: Double) -> Due {
        switch state {
        case .running:
            let left = [
                idleTimeout.map { Double($0) - quiet }, maxRun.map { Double($0) - run },
                maxRunTotal.map { Double($0) - total },
            ].compactMap { $0 }.min()
            guard let left else { return .nothing(.seconds(Self.longestWait)) }
            return left <= 0 ? .pause : .nothing(.seconds(min(left, Self.longestWait)))
        case .paused, .stopped:
            // A sandbox's own clock stands still while it rests.
            let left = [autoDelete.map { Double($0) - rest }, ttl.map { Double($0) - age }].compactMap { $0 }.min()
            guard let left else { return .nothing(.seconds(Self.longestWait)) }
            return left <= 0 ? .delete : .nothing(.seconds(min(left, Self.longestWait)))
        case .starting, .pausing: return .nothing(.seconds(1))
        }
    }
}
