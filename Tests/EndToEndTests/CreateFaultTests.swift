import Glibc
import GuestLink
import Linux
import QEMUMachines
import RPC
import Records
import Sandboxes
import Synchronization
import Testing
import Wire

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a create that is disturbed` {
    private struct Failed: Error {}

    /// What happens before a step.
    private final class Disturbance: Sendable {
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

    /// Calls `body` with a registry of real machines; no daemon is in between.
    private func with(
        poolSize: Int,
        _ body: @Sendable @escaping (Installation, SandboxRegistry, Database, Disturbance) async throws -> Void
    ) async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                let engine = try await QEMUEngine.detect(memory: martlet.home.probe)
                let database = try await Database(path: martlet.home.database, migrations: Migration.all)
                let disturbance = Disturbance()
                let registry = SandboxRegistry(
                    engine: engine,
                    home: martlet.home,
                    database: database,
                    poolSize: .fixed(poolSize),
                    beforeStep: { try await disturbance.come(before: $0) },
                    log: { _ in }
                )
                try await body(martlet, registry, database, disturbance)
                disturbance.clear()
                // Whatever happened: the next one succeeds.
                let sandbox = try await registry.create(NewSandbox(template: "claude"))
                #expect(sandbox.isRunning)
                #expect(try await sandbox.link.run(.init("true")).status == 0)
                await registry.close(keepingSandboxes: false)
                await database.close()
                #expect(martlet.machines().isEmpty)
            }
        }
    }

    private func ids(_ database: Database) async throws -> [String] {
        try await database.read { try $0.query("SELECT id FROM sandboxes") { try $0.text("id") } }
    }

    @Test func `by its caller leaves nothing, whichever step is next`() async throws {
        try await with(poolSize: 0) { martlet, registry, database, disturbance in
            for step in CreateStep.allCases {
                disturbance.set(before: step) { withUnsafeCurrentTask { $0?.cancel() } }
                // Cancelled, not refused: the step itself is begun and finds that nobody waits any more.
                let result = await Task { try await registry.create(NewSandbox(template: "claude")) }.result
                // Once there is nothing left to wait for, the sandbox is made all the same, and is its caller's.
                if case .success(let sandbox) = result { try await registry.kill(sandbox.id) }
                #expect(registry.list().isEmpty, "\(step)")
                #expect(try await ids(database).isEmpty, "\(step)")
                #expect(Files.list(martlet.home.machines).isEmpty, "\(step)")
                try await retrying(every: .milliseconds(10), for: .seconds(120)) {
                    martlet.machines().isEmpty ? () : nil
                }
            }
        }
    }

    @Test func `by the end of its machine leaves nothing, whichever step is next`() async throws {
        try await with(poolSize: 0) { martlet, registry, database, disturbance in
            for step in CreateStep.allCases.drop(while: { $0 != .record }) {
                disturbance.set(before: step) {
                    for machine in martlet.machines() {
                        let identity = ProcessHandle.Identity(pid: machine.pid)
                        guard let handle = identity.flatMap({ ProcessHandle($0) }) else { continue }
                        handle.send(SIGKILL)
                        try await handle.ended.value()
                    }
                }
                let result = await Task { try await registry.create(NewSandbox(template: "claude")) }.result
                switch result {
                case .failure(let error): #expect("\(error)".count > 20, "\(step): \(error)")
                case .success(let sandbox):
                    #expect([.tunnels, .volumes, .done].contains(step), "\(step)")
                    #expect(try await sandbox.ended.value() == .machineEnded)
                }
                try await retrying(every: .milliseconds(10), for: .seconds(120)) {
                    let records = try await ids(database)
                    return records.isEmpty && registry.list().isEmpty ? () : nil
                }
                #expect(Files.list(martlet.home.machines).isEmpty, "\(step)")
                #expect(martlet.machines().isEmpty, "\(step)")
            }
        }
    }

    @Test func `by the end of the command that asked for it leaves nothing`() async throws {
        try await Installation.with(starts: false) { martlet in
            try await Installation.slots.withPermit {
                // None waits, so that the machine that comes is the command's.
                try await martlet.start(["--pool", "0"])
                for signal in [SIGINT, SIGKILL] {
                    var status: Int32 = 0
                    // On a busy machine the create may be done before its machine is seen; then it is tried again.
                    for _ in 0..<20 where status != 128 + signal {
                        let (output, _) = try await martlet.martlet(live: ["create"]) { command in
                            let machine = try await retrying(every: .milliseconds(2), for: .seconds(120)) {
                                martlet.machines().first
                            }
                            // Held still, so that the create can not end by itself any more.
                            kill(machine.pid, SIGSTOP)
                            command.child.send(signal)
                        }
                        status = output.status.shellStatus
                        if status == 0 {
                            for sandbox in try await martlet.sandboxes() {
                                let reference = SandboxReference(id: sandbox.id)
                                _ = try await martlet.client.call(KillSandbox.self, reference)
                            }
                        }
                        try await retrying(every: .milliseconds(20), for: .seconds(120)) {
                            let sandboxes = try await martlet.sandboxes()
                            let isClean = sandboxes.isEmpty && martlet.machines().isEmpty
                            return isClean && Files.list(martlet.home.machines).isEmpty ? () : nil
                        }
                    }
                    #expect(status == 128 + signal)
                }
                // A caller that stays is served again and again on its connection.
                let client = martlet.client
                for _ in 0..<2 {
                    let sandbox = try await client.call(CreateSandbox.self, .init(template: "claude"))
                    _ = try await client.call(KillSandbox.self, SandboxReference(id: sandbox.id))
                }
            }
        }
    }

    @Test func `leaves the machines that wait alone`() async throws {
        try await with(poolSize: 1) { martlet, registry, database, disturbance in
            for step in CreateStep.allCases {
                disturbance.set(before: step) { throw Failed() }
                await #expect(throws: Failed.self, "\(step)") {
                    try await registry.create(NewSandbox(template: "claude"))
                }
                let records = try await ids(database)
                #expect(records.isEmpty, "\(step)")
                // The pool's own, waiting or being started.
                #expect(martlet.machines().count <= 2, "\(step)")
            }
        }
    }
}
