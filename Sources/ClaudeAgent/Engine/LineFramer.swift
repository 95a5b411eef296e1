#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Cuts the program's output into lines. Bytes, not text: a piece may end inside a character.
struct LineFramer: Sendable {
    private let limit: Int
    private var pending: [UInt8] = []

    init(limit: Int) {
        self.limit = limit
    }

    /// Takes the next bytes and gives the lines that they complete, without their ends; empty ones are left out.
    mutating func add(_ bytes: [UInt8]) throws(AgentError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        while let end = Self.lineEnd(in: bytes, from: start) {
            pending += bytes[start..<end]
            try check()
            if pending.last == 0x0D { pending.removeLast() }
            if !pending.isEmpty { lines.append(pending) }
            pending = []
            start = end + 1
        }
        pending += bytes[start...]
        try check()
        return lines
    }

    /// What came behind the last line end.
    var rest: [UInt8] { pending }

    private func check() throws(AgentError) {
        guard pending.count <= limit else {
            throw AgentError(.lineTooLong, "Claude Code wrote a line longer than \(limit) bytes; raise 'limits.line'")
        }
    }

    private static func lineEnd(in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { buffer in
            guard start < buffer.count, let base = buffer.baseAddress else { return nil }
            guard let found = memchr(base + start, 0x0A, buffer.count - start) else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}
