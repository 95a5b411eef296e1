import Access
import FoundationEssentials
import Testing
import Wire

@testable import Sandboxes

private func time(_ seconds: Double) -> Date { Date(timeIntervalSinceReferenceDate: seconds) }

private typealias Life = SandboxLife<Int>

private func life(ends: Double?) throws -> Life {
    let end = ends.map { ",\"ends\":\($0)" } ?? ""
    let text = #"{"id":"i1","template":"claude","buildID":"b","machine":"m","created":0,"metadata":{}\#(end)}"#
    return Life(try JSONValue(parsing: text).decode(SandboxRecord.self), in: 1)
}

private let (first, second) = (saved("first", 100), saved("second", 200))

private func saved(_ name: String, _ seconds: Double) -> SavedState {
    SavedState(snapshot: name, at: time(seconds))
}

@Suite struct `a sandbox's life` {
    @Test func `ends when its time is over, and not before`() throws {
        var life = try life(ends: 10)
        #expect(life.expire(at: time(9.999)) == .notDue)
        #expect(life.phase == .running(1))
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

    @Test func `is one of rest and going on, each time in another machine`() throws {
        var life = try life(ends: 10)
        #expect(life.pause() == .begun(1))
        #expect(life.pause() == .notRunning)
        #expect(life.resume() == .notPaused)
        #expect(life.rest(as: first) == true)
        #expect(life.phase == .paused(first) && life.record.isPaused == true && life.record.saved == first)
        #expect(life.stay == nil)
        #expect(life.pause() == .notRunning)
        #expect(life.resume() == .begun(first))
        #expect(life.resume() == .notPaused)
        #expect(life.wake(in: 2, named: "m2", living: .anew(.seconds(30)), from: time(500)) == true)
        #expect(life.phase == .running(2) && life.record.isPaused == nil)
        #expect(life.record.machine == "m2" && life.record.ends == time(530))
        // Kept, until something newer is there.
        #expect(life.record.saved == first)
        #expect(life.pause() == .begun(2))
        #expect(life.rest(as: second) == true)
        #expect(life.record.saved == second)
    }

    @Test func `goes on when it can not be saved, and rests when it can not go on`() throws {
        var life = try life(ends: nil)
        #expect(life.pause() == .begun(1))
        #expect(life.goOn(in: 1, having: nil) == true)
        #expect(life.phase == .running(1) && life.record.saved == nil)
        _ = life.pause()
        #expect(life.rest(as: first) == true)
        // Saved, and nobody could be told.
        #expect(life.goOn(in: 1, having: nil) == true)
        #expect(life.phase == .running(1) && life.record.saved == nil && life.record.isPaused == nil)
        _ = life.pause()
        _ = life.rest(as: first)
        _ = life.resume()
        life.restAgain()
        #expect(life.phase == .paused(first) && life.record.isPaused == true)
    }

    @Test func `has no time that passes while it rests`() throws {
        var life = try life(ends: 10)
        _ = life.pause()
        #expect(life.expire(at: time(9)) == .notDue)
        _ = life.rest(as: first)
        #expect(!life.isDue(at: time(20)))
        #expect(life.expire(at: time(20)) == .notDue)
        #expect(life.moveEnd { _ in time(30) } == .resting)
        _ = life.resume()
        #expect(life.expire(at: time(20)) == .notDue)
        #expect(life.moveEnd { _ in time(30) } == .resting)
    }

    @Test func `lasts as long after a rest as was last asked for`() throws {
        var life = try life(ends: 10)
        #expect(life.live(60, from: time(0)) == .moved)
        func rested() -> Life {
            var rested = life
            _ = rested.pause()
            _ = rested.rest(as: first)
            _ = rested.resume()
            return rested
        }
        var woken = rested()
        _ = woken.wake(in: 2, named: "m2", living: .asBefore, from: time(1000))
        #expect(woken.record.ends == time(1060))
        woken = rested()
        _ = woken.wake(in: 2, named: "m2", living: .anew(nil), from: time(1000))
        #expect(woken.record.ends == nil)
        #expect(life.live(nil, from: time(0)) == .moved)
        woken = rested()
        _ = woken.wake(in: 2, named: "m2", living: .asBefore, from: time(1000))
        #expect(woken.record.ends == nil)
    }

    @Test func `ends in the middle of a pause or a resume, whose end finds that out`() throws {
        var life = try life(ends: nil)
        _ = life.pause()
        #expect(life.stop(.requested) == .begun)
        #expect(life.rest(as: first) == false)
        #expect(life.goOn(in: 1, having: nil) == false)
        #expect(life.phase == .stopping(.requested))

        life = try self.rested()
        #expect(life.stop(.requested) == .begun)
        #expect(life.resume() == .tooLate)
        #expect(life.pause() == .tooLate)

        life = try self.rested()
        _ = life.resume()
        #expect(life.stop(.requested) == .begun)
        #expect(life.wake(in: 2, named: "m2", living: .asBefore, from: time(0)) == false)
        life.restAgain()
        life.finish()
        #expect(life.phase == .stopped(.requested))
    }

    @Test func `falls back to what was saved when its machine is lost`() throws {
        var life = try life(ends: nil)
        #expect(life.lose(1) == .ends)
        life = try rested()
        #expect(life.lose(1) == .nothing)
        _ = life.resume()
        _ = life.wake(in: 2, named: "m2", living: .asBefore, from: time(0))
        #expect(life.lose(1) == .nothing)
        #expect(life.lose(2) == .rests)
        #expect(life.phase == .paused(first) && life.record.isPaused == true)
    }

    private func rested() throws -> Life {
        var life = try life(ends: nil)
        _ = life.pause()
        _ = life.rest(as: first)
        return life
    }

    @Test func `is not moved to where its end is already`() throws {
        var life = try life(ends: 10)
        #expect(life.moveEnd { $0.map { max($0, time(5)) } } == .unchanged)
        #expect(life.record.ends == time(10))
    }

    @Test func `keeps what is saved of it while it runs, and no longer`() throws {
        var life = try life(ends: nil)
        #expect(life.keep(first) == true)
        #expect(life.record.saved == first && life.record.isPaused == nil)
        #expect(life.lose(1) == .rests)
        #expect(life.phase == .paused(first))
        #expect(life.keep(second) == false)
        #expect(life.record.saved == first)
    }
}
