import Testing
import Wire

@testable import Terminals

@Suite struct `the window of a program's input` {
    @Test func `sends what was written, in pieces, and the end behind it`() {
        var window = InputWindow()
        window.append(Array(repeating: 1, count: ExecCount.pace + 10))
        window.finish()
        expect(window.next(), .bytes(Array(repeating: 1, count: ExecCount.pace)))
        expect(window.next(), .bytes(Array(repeating: 1, count: 10)))
        expect(window.next(), .end)
        expect(window.next(), nil)
    }

    @Test func `goes no further than a window ahead of the program`() {
        var window = InputWindow()
        window.append(Array(repeating: 1, count: 2 * ExecCount.window))
        #expect(!window.hasRoom)
        var sent = 0
        while case .bytes(let bytes) = window.next() { sent += bytes.count }
        #expect(sent == ExecCount.window)
        window.acknowledge(100)
        expect(window.next(), .bytes(Array(repeating: 1, count: 100)))
        #expect(window.hasRoom)
    }

    @Test func `sends again what did not come, and nothing else`() {
        var window = InputWindow()
        window.append([1, 2, 3, 4])
        window.finish()
        while window.next() != nil {}
        window.acknowledge(1)
        // The sandbox has three bytes, of which the program was given one.
        expect(window.resume(at: 3), true)
        expect(window.next(), .bytes([4]))
        expect(window.next(), .end)
    }

    @Test func `does not believe a sandbox that has more than was sent, or less than it said`() {
        var window = InputWindow()
        window.append([1, 2, 3])
        expect(window.resume(at: 4), false)
        window.acknowledge(2)
        expect(window.resume(at: 1), false)
        window.acknowledge(50)
        #expect(window.given == 2)
    }
}

/// Expects a value. The macro does not take these calls itself: they change what they are made on.
private func expect<Value: Equatable>(_ value: Value, _ expected: Value, at place: SourceLocation = #_sourceLocation) {
    #expect(value == expected, sourceLocation: place)
}
