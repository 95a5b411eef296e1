import Wire

/// What was written for a program and is not known to have come to it. A value without I/O.
///
///     0 ─────── given ─────── sent ─────── end
///               kept from here             may be a window ahead
struct InputWindow: Sendable {
    private var bytes: [UInt8] = []
    /// The program was given so many; what follows is in ``bytes``.
    private(set) var given = 0
    /// Of the socket that there is now.
    private(set) var sent = 0
    private(set) var isEnded = false
    private var isEndSent = false

    var end: Int { given + bytes.count }
    /// Whether more can be written now; a window beyond what is on its way may wait here.
    var hasRoom: Bool { bytes.count < 2 * ExecCount.window }
    /// Whether all that was written has come, the end included.
    var isEmpty: Bool { bytes.isEmpty && (!isEnded || isEndSent) }

    mutating func append(_ more: [UInt8]) { bytes += more }
    mutating func finish() { isEnded = true }

    /// Takes note that the program was given `count` bytes.
    mutating func acknowledge(_ count: Int) {
        guard count > given, count <= end else { return }
        bytes.removeFirst(count - given)
        given = count
        sent = max(sent, given)
    }

    /// Begins again on another socket, whose sandbox has `count` bytes.
    ///
    /// - Returns: false where that can not be: the sandbox has more than was ever sent, or less than it has said.
    mutating func resume(at count: Int) -> Bool {
        guard (given...end).contains(count) else { return false }
        sent = count
        isEndSent = false
        return true
    }

    enum Piece: Sendable, Hashable {
        case bytes([UInt8])
        case end
    }

    /// What may be sent now, and counts as sent with that.
    mutating func next() -> Piece? {
        let limit = min(end, given + ExecCount.window, sent + ExecCount.pace)
        if sent < limit {
            defer { sent = limit }
            return .bytes(Array(bytes[(sent - given)..<(limit - given)]))
        }
        guard isEnded, !isEndSent, sent == end else { return nil }
        isEndSent = true
        return .end
    }
}
