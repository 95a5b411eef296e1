/// A text that must not be seen: every printed form is `‹redacted›`, and reading it is a scope.
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    package init(_ value: String) {
        self.value = value
    }

    /// Calls `body` with the text. What it returns should hold it no longer than needed.
    package func exposed<Result>(_ body: (String) throws -> Result) rethrows -> Result {
        try body(value)
    }

    /// Compares in a time that depends on the length of `other` alone.
    package func matches(_ other: String) -> Bool {
        let mine = Array(value.utf8)
        let theirs = Array(other.utf8)
        var difference = UInt8(mine.count == theirs.count ? 0 : 1)
        for (index, byte) in theirs.enumerated() {
            difference |= byte ^ (mine.isEmpty ? 0 : mine[index % mine.count])
        }
        return difference == 0
    }

    package var description: String { "‹redacted›" }
    package var debugDescription: String { "‹redacted›" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
