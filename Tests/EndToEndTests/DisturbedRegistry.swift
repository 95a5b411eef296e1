import Linux
import QEMUMachines
import Records
import Sandboxes
import Synchronization
import Testing

/// A registry of real machines without a daemon around it, and what happens before its steps.
struct DisturbedRegistry: Sendable {
    /// What happens before a step.
    final class Disturbance<Step: Sendable & Equatable>: Sendable {
        private struct Plan: Sendable {
            let step: Step
            let action: @Sendable () async throws -> Void
        }

        private let current = Mutex<Plan?>(nil)

        func set(before step: Step, _ action: @Sendable @escaping () async throws -> Void) {
            let plan = Plan(step: step, action: action)
            current.withLock { $0 = plan }
        }

        func clear() { current.withLock { $0 = nil } }

        func come(before step: Step) async throws {
            guard let plan = current.withLock({ $0 }), plan.step == step else { return }
            try await plan.action()
        }
    }

    let installation: Installation
    let registry: SandboxRegistry
    /// Of the steps of creates and forks.
    let disturbance: Disturbance<CreateStep>
    /// Of the steps of pauses and resumes.
    let turns: Disturbance<TurnStep>

    /// Calls `body` with one that keeps no machines waiting, and looks for what is left.
    static func with(_ body: @Sendable @escaping (DisturbedRegistry) async throws -> Void) async throws {
        try await Installation.with(starts: false) { installation in
            try await Installation.slots.withPermit {
                let database = try await Database(path: installation.home.database, migrations: Migration.all)
                let disturbance = Disturbance<CreateStep>()
                let turns = Disturbance<TurnStep>()
                let registry = SandboxRegistry(
                    engine: try await QEMUEngine.detect(memory: installation.home.probe),
                    home: installation.home,
                    database: database,
                    poolSize: .fixed(0),
                    beforeStep: { try await disturbance.come(before: $0) },
                    beforeTurn: { try await turns.come(before: $0) },
                    log: { _ in }
                )
                let disturbed = DisturbedRegistry(
                    installation: installation,
                    registry: registry,
                    disturbance: disturbance,
                    turns: turns
                )
                let result = await Task { try await body(disturbed) }.result
                await registry.close(keepingSandboxes: false)
                await database.close()
                #expect(installation.machines().isEmpty)
                try result.get()
            }
        }
    }
}
