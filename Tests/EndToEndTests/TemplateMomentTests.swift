import Access
import Linux
import Machines
import QEMUMachines
import Records
import Sandboxes
import Synchronization
import Templates
import Testing
import Wire

/// Builds by steps in real machines, without a daemon around them, and what happens at their moments.
@Suite(.enabled(if: Installation.isPossible, Installation.absence))
struct `a build by steps that is disturbed` {
    private struct Failed: Error {}

    private final class Disturbance: Sendable {
        let current = Mutex<(StepBuildMoment, @Sendable () async throws -> Void)?>(nil)

        func come(at moment: StepBuildMoment) async throws {
            guard let (disturbed, action) = current.withLock({ $0 }), disturbed == moment else { return }
            try await action()
        }
    }

    /// Builds `steady` with one step, and gives how it ended.
    private func build(_ builds: TemplateBuilds, _ command: String) async throws -> TemplateBuildRecord {
        let name = try #require(TemplateName("steady"))
        let record = try await builds.request(name, tags: [], size: TemplateSize(), for: .installation)
        let step = TemplateStep("RUN", [command, "root"])
        try await builds.begin(record.id, TemplateSpec(fromTemplate: "base", steps: [step]))
        for await _ in try #require(builds.follow(record.id)) {}
        return try #require(try await builds.record(record.id))
    }

    @Test func `leaves nothing and changes no name, whichever moment it is`() async throws {
        try await Installation.with(templates: ["base"], starts: false) { martlet in
            try await Installation.slots.withPermit {
                let home = martlet.home
                let engine = try await QEMUEngine.detect(memory: home.probe)
                let database = try await Database(path: home.database, migrations: Migration.all)
                let templates = TemplateStore(home)
                let disturbance = Disturbance()
                let builds = TemplateBuilds(
                    engine: engine,
                    home: home,
                    database: database,
                    templates: templates,
                    builder: TemplateBuilder(engine: engine, home: home, templates: templates, guestBinary: ""),
                    atMoment: { try await disturbance.come(at: $0) },
                    changed: { _ in }
                )
                let first = try await build(builds, "echo 0 > /srv/which")
                #expect(first.status == .ready, "\(first.reason?.message ?? "")")
                try await builds.tag("steady", ["kept"])
                for (number, moment) in StepBuildMoment.allCases.enumerated() {
                    disturbance.current.withLock { $0 = (moment, { throw Failed() }) }
                    let failed = try await build(builds, "echo \(number) failed > /srv/which")
                    #expect(failed.status == .error, "\(moment)")
                    #expect(failed.reason?.message.contains("Failed") == true, "\(moment)")
                    // Cancelled, not refused: what comes next finds that nobody waits any more.
                    disturbance.current.withLock { $0 = (moment, { withUnsafeCurrentTask { $0?.cancel() } }) }
                    let cancelled = try await build(builds, "echo \(number) cancelled > /srv/which")
                    // Behind the last wait it is made all the same, and then it is whole.
                    if cancelled.status == .ready {
                        #expect(try templates.template("steady").manifest.buildID == cancelled.id, "\(moment)")
                        try await builds.tag("steady:kept", ["default"])
                    } else {
                        #expect(cancelled.reason?.message.contains("cancelled") == true, "\(moment)")
                    }
                    #expect(try templates.template("steady").manifest.buildID == first.id, "\(moment)")
                    #expect(Files.list(home.machines).isEmpty, "\(moment)")
                    #expect(Files.list("\(home.templates)/building").isEmpty, "\(moment)")
                    #expect(Files.list("\(home.templates)/steps/making").isEmpty, "\(moment)")
                }
                disturbance.current.withLock { $0 = nil }
                let last = try await build(builds, "echo last > /srv/which")
                #expect(last.status == .ready)
                #expect(try templates.template("steady").manifest.buildID == last.id)
                await builds.close()
                await database.close()
                #expect(martlet.machines().isEmpty)
            }
        }
    }
}
