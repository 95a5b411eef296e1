import Testing

@testable import Freestyle

@Suite struct `what is due for a machine` {
    private func due(
        _ limits: VMLimits,
        _ state: VM.State = .running,
        quiet: Double = 0,
        run: Double = 0,
        total: Double = 0,
        rest: Double = 0,
        age: Double = 0
    ) -> VMLimits.Due {
        limits.due(state: state, quiet: quiet, run: run, total: total, rest: rest, age: age)
    }

    private func limits(_ set: (inout VMLimits) -> Void) -> VMLimits {
        var limits = VMLimits()
        set(&limits)
        return limits
    }

    @Test func `is nothing without limits`() {
        #expect(!VMLimits().needKeeper)
        #expect(due(VMLimits(), quiet: 1e9, run: 1e9, total: 1e9) == .nothing(.seconds(10)))
    }

    @Test func `is a pause when nobody has used it for long enough`() {
        let limits = limits { $0.idleTimeout = 5 }
        #expect(limits.needKeeper)
        #expect(due(limits, quiet: 4.5) == .nothing(.seconds(0.5)))
        #expect(due(limits, quiet: 5) == .pause)
        #expect(due(limits, .paused, quiet: 500) == .nothing(.seconds(10)))
    }

    @Test func `is a pause when a run, or all runs, have lasted long enough`() {
        #expect(due(limits { $0.maxRun = 60 }, run: 60, total: 100) == .pause)
        #expect(due(limits { $0.maxRun = 60 }, run: 59, total: 100) == .nothing(.seconds(1)))
        #expect(due(limits { $0.maxRunTotal = 60 }, run: 1, total: 60) == .pause)
        #expect(
            due(limits { ($0.maxRun, $0.maxRunTotal, $0.idleTimeout) = (60, 70, 80) }, quiet: 0, run: 50, total: 68)
                == .nothing(.seconds(2))
        )
    }

    @Test func `is its end when it has rested long enough`() {
        let limits = limits { $0.autoDelete = 60 }
        #expect(due(limits, rest: 100) == .nothing(.seconds(10)))
        #expect(due(limits, .paused, rest: 59) == .nothing(.seconds(1)))
        #expect(due(limits, .paused, rest: 60) == .delete)
        #expect(due(self.limits { $0.autoDelete = 0 }, .paused) == .delete)
        // While it runs the sandbox's own clock sees to that.
        #expect(due(self.limits { $0.ttl = 60 }, .paused, age: 60) == .delete)
        #expect(due(self.limits { $0.ttl = 60 }, .running, age: 61) == .nothing(.seconds(10)))
    }
}
