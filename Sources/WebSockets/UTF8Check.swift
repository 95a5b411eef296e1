/// Checks UTF-8 that comes in pieces, and knows at the first byte that can not be right.
struct UTF8Check: Sendable {
    /// How many bytes of a character are still to come.
    private var missing = 0
    /// What the next of them may be: tighter than usual behind a first byte with which a character could be written in a
    /// longer form than it needs, be half a surrogate pair, or lie behind the end of Unicode.
    private var range: ClosedRange<UInt8> = 0x80...0xBF

    /// Takes the next bytes; false when they are no UTF-8.
    mutating func add(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBufferPointer { buffer in
            for byte in buffer where byte >= 0x80 || missing > 0 {
                guard take(byte) else { return false }
            }
            return true
        }
    }

    /// Whether no character is cut.
    var isComplete: Bool { missing == 0 }

    private mutating func take(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard range.contains(byte) else { return false }
            missing -= 1
            range = 0x80...0xBF
            return true
        }
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, range) = (2, 0xA0...0xBF)
        case 0xED: (missing, range) = (2, 0x80...0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, range) = (3, 0x90...0xBF)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, range) = (3, 0x80...0x8F)
        default: return false
        }
        return true
    }
}
