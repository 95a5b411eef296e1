import Linux

/// A line that is typed without being seen, made of the keys of a terminal in raw mode. A value.
package struct HiddenLine: Sendable {
    package enum Outcome: Sendable, Hashable {
        case more
        case done([UInt8])
        /// Ctrl-C, or Ctrl-D on an empty line.
        case givenUp
    }

    /// More is no key that somebody types or pastes.
    private static let limit = 64 * 1024
    private var bytes: [UInt8] = []

    package init() {}

    package mutating func take(_ key: UInt8) -> Outcome {
        switch key {
        case 0x0D, 0x0A: return .done(bytes)
        case 0x03: return .givenUp
        case 0x04: return bytes.isEmpty ? .givenUp : .done(bytes)
        // Ctrl-U takes all back.
        case 0x15: bytes = []
        case 0x7F, 0x08:
            // A whole character: its last byte, and those that lead up to it.
            while let last = bytes.popLast(), last & 0xC0 == 0x80 {}
        case 0..<0x20: break
        default: if bytes.count < Self.limit { bytes.append(key) }
        }
        return .more
    }

    /// Asks at the terminal of standard input.
    static func ask(_ question: String) async throws -> [UInt8] {
        try? await StandardStream.error.write(question)
        let line = try await TerminalMode.raw { try await read() }
        try? await StandardStream.error.write("\n")
        guard let line else { throw CommandsError(.unusableInput, "Nothing was typed, and nothing stored") }
        return line
    }

    private static func read() async throws -> [UInt8]? {
        let input = try StandardInput()
        var line = HiddenLine()
        while true {
            let keys = try await input.read()
            if keys.isEmpty { return nil }
            for key in keys {
                switch line.take(key) {
                case .more: continue
                case .done(let bytes): return bytes
                case .givenUp: return nil
                }
            }
        }
    }
}
