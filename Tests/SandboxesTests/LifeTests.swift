import Access
import FoundationEssentials
import Testing
import Wire

@testable import Sandboxes

private func time(_ seconds: Double) -> Date { Date(timeIntervalSinceReferenceDate: seconds) }

private func life(ends: Double?) throws -> SandboxLife {
    let end = ends.map { ",\"ends\":\($0)" } ?? ""
    let text = #"{"id":"i1","template":"claude","buildID":"b","machine":"m","created":0,"metadata":{}\#(end)}"#
    return SandboxLife(try JSONValue(parsing: text).decode(SandboxRecord.self))
}

@Suite struct `a sandbox's life` {
    @Test func `ends when its time is over, and not before`() throws {
        var life = try life(ends: 10)
        #expect(life.expire(at: time(9.999)) == .notDue)
        #expect(life.phase == .running)
        #expect(life.expire(at: time(10)) == .begun)
        #expect(life.phase == .stopping(.expired))
        life.finish()
        #expect(life.phase == .stopped(.expired))
    }

    @Test func `goes on when its end was put off at the last moment`() throws {
        var life = try life(ends: 10)
        #expect(life.moveEnd { _ in time(20) } == .moved)
        #expect(life.expire(at: time(11)) == .notDue)
        #expect(life.moveEnd { _ in nil } == .moved)
        #expect(life.expire(at: time(1e9)) == .notDue)
    }

    @Test func `can not be prolonged once it ends`() throws {
        var life = try life(ends: 10)
        #expect(life.stop(.requested) == .begun)
        #expect(life.moveEnd { _ in time(20) } == .tooLate)
        #expect(life.record.ends == time(10))
        life.finish()
        #expect(life.moveEnd { _ in time(20) } == .tooLate)
    }

    @Test func `has one end, for the first reason`() throws {
        var life = try life(ends: 10)
        #expect(life.stop(.machineEnded) == .begun)
        #expect(life.stop(.requested) == .underWay)
        #expect(life.expire(at: time(20)) == .underWay)
        life.finish()
        #expect(life.stop(.requested) == .underWay)
        #expect(life.phase == .stopped(.machineEnded))
    }

    @Test func `is not moved to where its end is already`() throws {
        var life = try life(ends: 10)
        #expect(life.moveEnd { $0.map { max($0, time(5)) } } == .unchanged)
        #expect(life.record.ends == time(10))
    }
}
