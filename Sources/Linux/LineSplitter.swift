/// Cuts a stream of bytes into lines; a line may arrive in any number of pieces.
package struct LineSplitter: Sendable {
    private var pending: [UInt8] = []

    package init() {}

    /// Takes the next bytes and gives the lines that they complete, without their ends.
    package mutating func add(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0A) {
            pending += rest[..<end]
            if pending.last == 0x0D { pending.removeLast() }
            lines.append(pending)
            pending = []
            rest = rest[(end + 1)...]
        }
        pending += rest
        return lines
    }

    /// How many bytes wait for the end of their line.
    package var pendingCount: Int { pending.count }

    /// What came after the last line end, if anything.
    package mutating func finish() -> [UInt8]? {
        defer { pending = [] }
        return pending.isEmpty ? nil : pending
    }
}
