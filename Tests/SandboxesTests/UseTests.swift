import Testing

@testable import Sandboxes

@Suite struct `the use of a sandbox` {
    private let start = ContinuousClock.now

    private func measured(_ seconds: Double, after time: Int, of machine: Int32 = 1) -> SandboxUse.Measurement {
        .init(machine: machine, seconds: seconds, time: start + .seconds(time))
    }

    @Test func `ends with its last client`() async {
        let use = SandboxUse(since: start - .seconds(100))
        #expect(use.idleTime(nil, at: start) == .seconds(100))
        await use.during {
            #expect(use.idleTime(nil, at: .now + .seconds(100)) == .zero)
            await use.during {}
            #expect(use.idleTime(nil, at: .now + .seconds(100)) == .zero)
        }
        #expect(use.idleTime(nil, at: .now) < .seconds(10))
        use.note(at: start)
        #expect(use.idleTime(nil, at: start + .seconds(5)) == .seconds(5))
    }

    @Test func `goes on while a command computes, and no longer`() {
        let use = SandboxUse(since: start)
        #expect(use.idleTime(measured(10, after: 0), at: start) == .zero)
        // What a machine takes in which nothing happens.
        #expect(use.idleTime(measured(10.2, after: 10), at: start + .seconds(10)) == .seconds(10))
        #expect(use.idleTime(measured(11.2, after: 20), at: start + .seconds(20)) == .zero)
        // Too soon to say anything.
        #expect(use.idleTime(measured(12.2, after: 21), at: start + .seconds(21)) == .seconds(1))
        #expect(use.idleTime(measured(12.3, after: 30), at: start + .seconds(30)) == .zero)
        #expect(use.idleTime(measured(12.5, after: 40), at: start + .seconds(40)) == .seconds(10))
        // Another machine has only begun.
        #expect(use.idleTime(measured(1, after: 50, of: 2), at: start + .seconds(50)) == .zero)
    }
}
