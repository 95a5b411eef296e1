/// The last of what a program wrote to its terminal, for whoever looks at it later. A value without I/O.
///
/// What has left it is not quite forgotten: the modes that were set there, such as the alternate screen or the form of pasted
/// text, still hold, and are set again in front of what is kept.
struct Scrollback: Sendable {
    /// Bytes that are kept for certain.
    private let limit: Int
    private var bytes: [UInt8] = []
    private var modes = TerminalModes()
    private var hasForgotten = false

    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ more: [UInt8]) {
        if limit == 0 { return }
        bytes += more
        // Seldom and much at once, so that each byte is moved about once.
        guard bytes.count > 2 * limit else { return }
        let excess = bytes.count - limit
        modes.read(bytes[..<excess])
        bytes.removeFirst(excess)
        hasForgotten = true
    }

    /// What brings an empty terminal to where the program's is, as far as it is kept.
    var replay: [UInt8] {
        hasForgotten ? modes.setting + bytes[start...] : bytes
    }

    /// Behind the first line end that is near, or else not in the middle of a character. Most of what is kept is behind it.
    private var start: Int {
        if let line = bytes.prefix(min(4096, limit / 4)).firstIndex(of: 0x0A) { return line + 1 }
        return bytes.prefix(4).firstIndex { $0 & 0xC0 != 0x80 } ?? 0
    }
}

/// The modes of a terminal that differ from a new one's: what `CSI ? n h` and `CSI ? n l` have said last.
struct TerminalModes: Sendable {
    private enum Place {
        case text
        /// Behind an escape.
        case escape
        /// Behind `CSI`.
        case sequence
        /// Behind `CSI ?`: the numbers so far, and the one that is being read.
        case modes([Int], Int)
    }

    /// More than any terminal has.
    private static let limit = 64

    private var place = Place.text
    private var values: [Int: Bool] = [:]

    /// Reads on in what a program writes; it may come in any pieces.
    mutating func read(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes { read(byte) }
    }

    private mutating func read(_ byte: UInt8) {
        switch (place, byte) {
        case (_, 0x1B): place = .escape
        case (.text, _): break
        case (.escape, UInt8(ascii: "[")): place = .sequence
        case (.escape, _):
            // A reset of everything.
            if byte == UInt8(ascii: "c") { values = [:] }
            place = .text
        case (.sequence, UInt8(ascii: "?")): place = .modes([], 0)
        case (.sequence, _): place = .text
        case (.modes(let known, let number), UInt8(ascii: "0")...UInt8(ascii: "9")):
            place = .modes(known, min(number * 10 + Int(byte - 0x30), 65_535))
        case (.modes(let known, let number), UInt8(ascii: ";")) where known.count < Self.limit:
            place = .modes(known + [number], 0)
        case (.modes(let known, let number), UInt8(ascii: "h")), (.modes(let known, let number), UInt8(ascii: "l")):
            for mode in known + [number] where values[mode] != nil || values.count < Self.limit {
                values[mode] = byte == UInt8(ascii: "h")
            }
            place = .text
        case (.modes, _): place = .text
        }
    }

    /// What sets them in a terminal that is new.
    var setting: [UInt8] {
        values.sorted { $0.key < $1.key }.flatMap { Array("\u{1B}[?\($0.key)\($0.value ? "h" : "l")".utf8) }
    }
}
