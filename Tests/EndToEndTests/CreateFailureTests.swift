import Access
import Linux
import QEMUMachines
import Records
import Sandboxes
import Testing

@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `making a sandbox` {
    private struct Failed: Error {}

    @Test func `leaves nothing, whichever step fails`() async throws {
        try await Installation.with(starts: false) { martlet in
            let engine = try await QEMUEngine.detect(memory: martlet.home.probe)
            let database = try await Database(path: martlet.home.database, migrations: Migration.all)
            let failing = FailingStep()
            let registry = SandboxRegistry(
                engine: engine,
                home: martlet.home,
                database: database,
                poolSize: .fixed(0),
                // The place that a failed create took is free again, or the next one would not fail as it should.
                limitPerOwner: 1,
                beforeStep: { if $0 == failing.step { throw Failed() } },
                log: { _ in }
            )
            for step in CreateStep.allCases {
                failing.step = step
                await #expect(throws: Failed.self, "\(step)") {
                    _ = try await registry.create(NewSandbox(template: "claude"))
                }
                #expect(registry.list().isEmpty, "\(step)")
                #expect(Leftovers(of: martlet).processes().isEmpty, "\(step)")
                #expect(Files.list(martlet.home.machines).isEmpty, "\(step)")
                let records = try await database.read { try $0.query("SELECT id FROM sandboxes") { try $0.text("id") } }
                #expect(records.isEmpty, "\(step)")
            }
            // When none fails, there is a sandbox.
            failing.step = nil
            let sandbox = try await registry.create(NewSandbox(template: "claude"))
            #expect(sandbox.isRunning)
            await #expect { try await registry.create(NewSandbox(template: "claude")) } throws: { error in
                (error as? SandboxError)?.code == .tooMany
            }
            var other = NewSandbox(template: "claude")
            other.owner = Owner(rawValue: "ana")
            let others = try await registry.create(other)
            try await registry.kill(sandbox.id)
            #expect(others.isRunning)
            #expect(try await registry.create(NewSandbox(template: "claude")).isRunning)
            await registry.close(keepingSandboxes: false)
            await database.close()
        }
    }
}
