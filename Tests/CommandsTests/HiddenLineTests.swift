import Commands
import Testing

@Suite struct `a line that is typed unseen` {
    private func typed(_ keys: String) -> HiddenLine.Outcome {
        var line = HiddenLine()
        for key in keys.utf8 {
            let outcome = line.take(key)
            if outcome != .more { return outcome }
        }
        return .more
    }

    @Test func `ends with Enter, and may be mended before`() {
        #expect(typed("secret\r") == .done(Array("secret".utf8)))
        #expect(typed("secreé\u{7F}\u{7F}et\n") == .done(Array("secret".utf8)))
        #expect(typed("wrong\u{15}right\r") == .done(Array("right".utf8)))
        #expect(typed("\u{7F}\u{1B}a\r") == .done(Array("a".utf8)))
        #expect(typed("abc") == .more)
    }

    @Test func `may be given up`() {
        #expect(typed("secret\u{3}") == .givenUp)
        #expect(typed("\u{4}") == .givenUp)
        #expect(typed("done\u{4}") == .done(Array("done".utf8)))
    }
}
