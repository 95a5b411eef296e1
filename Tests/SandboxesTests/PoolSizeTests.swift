import Testing

@testable import Sandboxes

@Suite struct `the machines that wait for a template` {
    private let start = ContinuousClock.now
    private let rule = PoolSize.byUse(most: 8)

    @Test func `are as many as was said, whoever takes them`() {
        var demand = PoolDemand(since: start)
        for _ in 0..<5 { demand.noteTake(at: start) }
        #expect(demand.size(.fixed(0), at: start) == 0 && demand.size(.fixed(3), at: start) == 3)
    }

    @Test func `become as many as were taken at once, within bounds`() {
        var demand = PoolDemand(since: start)
        #expect(demand.size(rule, at: start) == 2)
        // One now and then is no reason for more.
        for minute in 0..<5 { demand.noteTake(at: start + .seconds(60 * minute)) }
        #expect(demand.size(rule, at: start + .seconds(300)) == 2)
        for _ in 0..<5 { demand.noteTake(at: start + .seconds(310)) }
        #expect(demand.size(rule, at: start + .seconds(320)) == 5)
        for _ in 0..<50 { demand.noteTake(at: start + .seconds(330)) }
        #expect(demand.size(rule, at: start + .seconds(330)) == 8)
    }

    @Test func `become one again when nobody takes any`() {
        var demand = PoolDemand(since: start)
        for _ in 0..<5 { demand.noteTake(at: start) }
        #expect(demand.size(rule, at: start + .seconds(899)) == 5)
        #expect(demand.size(rule, at: start + .seconds(901)) == 1)
        demand.noteTake(at: start + .seconds(1000))
        #expect(demand.size(rule, at: start + .seconds(1001)) == 1)
    }
}
