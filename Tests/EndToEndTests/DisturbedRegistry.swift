import Linux
import QEMUMachines
import Records
import Sandboxes
import Synchronization
import Testing

/// A registry of real machines without a daemon around it, and what happens before its steps.
struct DisturbedRegistry: Sendable {
    /// What happens before a step.
    final class Disturbance: Sendable {
        private let current = Mutex<(CreateStep, @Sendable () async throws -> Void)?>(nil)

        func set(before step: CreateStep, _ action: @Sendable @escaping () async throws -> Void) {
            current.withLock { $0 = (step, action) }
        }

        func clear() { current.withLock { $0 = nil } }

        func come(before step: CreateStep) async throws {
            guard let (disturbed, action) = current.withLock({ $0 }), disturbed == step else { return }
            try await action()
        }
    }

    let installation: Installation
    let registry: SandboxRegistry
    let disturbance: Disturbance

    /// Calls `body` with one that keeps no machines waiting, and looks for what is left.
    static func with(_ body: @Sendable @escaping (DisturbedRegistry) async throws -> Void) async throws {
        try await Installation.with(starts: false) { installation in
            try await Installation.slots.withPermit {
                let database = try await Database(path: installation.home.database, migrations: Migration.all)
                let disturbance = Disturbance()
                let registry = SandboxRegistry(
                    engine: try await QEMUEngine.detect(memory: installation.home.probe),
                    home: installation.home,
                    database: database,
                    poolSize: 0,
                    beforeStep: { try await disturbance.come(before: $0) },
                    log: { _ in }
                )
                let disturbed = DisturbedRegistry(
                    installation: installation,
                    registry: registry,
                    disturbance: disturbance
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
