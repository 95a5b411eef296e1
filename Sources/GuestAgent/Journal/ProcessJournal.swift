import Synchronization
import Wire

/// What one process adds to the journal.
///
/// A process may write faster than anybody could read; beyond an allowance its output is not even looked at, and the gap in
/// the sequence tells that it was there.
final class ProcessJournal: Sendable {
    private struct State {
        var lines: [OutputStream: LineCutter] = [:]
        var allowance = ProcessJournal.allowanceLimit
        var asOf = ContinuousClock.now
        /// Whether the gap was left already.
        var isSkipping = false
    }

    /// In bytes; each line costs something besides its own.
    private static let allowanceLimit = 1024 * 1024
    private static let allowancePerSecond = 256 * 1024
    private static let costOfLine = 64

    private let journal: Journal
    private let owner: UInt64
    private let pid: UInt32
    private let state = Mutex(State())

    init(_ journal: Journal, pid: UInt32, _ config: ProcessConfig) {
        self.journal = journal
        self.pid = pid
        owner = journal.owner
        let words = [config.cmd] + (config.args ?? [])
        let line = words.map(Self.quoted).joined(separator: " ")
        journal.add(.started, [Array(line.utf8.prefix(Journal.lineLimit))], pid: pid, for: owner)
    }

    /// A word as one would type it, on one line whatever is in it.
    private static func quoted(_ word: String) -> String {
        let line = word.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n")
        let isPlain = !line.isEmpty && line.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x27 && $0 != 0x5C }
        return isPlain
            ? line : "'" + line.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    /// Takes what the process wrote.
    func take(_ stream: OutputStream, _ bytes: [UInt8]) {
        let lines: [[UInt8]]? = state.withLock { state in
            let now = ContinuousClock.now
            let seconds = (now - state.asOf) / .seconds(1)
            state.asOf = now
            let gained = Int(min(seconds, 60) * Double(Self.allowancePerSecond))
            state.allowance = min(Self.allowanceLimit, state.allowance + gained)
            guard state.allowance > 0 else {
                // What follows begins somewhere in a line.
                state.lines[stream] = LineCutter(isInsideDropped: true)
                defer { state.isSkipping = true }
                return state.isSkipping ? [] : nil
            }
            state.isSkipping = false
            let lines = state.lines[stream, default: LineCutter()].add(bytes)
            state.allowance -= bytes.count + lines.count * Self.costOfLine
            return lines
        }
        guard let lines else { return journal.skip(for: owner) }
        if !lines.isEmpty { journal.add(Self.kind(stream), lines, pid: pid, for: owner) }
    }

    /// Adds the lines that were not ended, and how the process did.
    func finish(_ status: String) {
        let cutters = state.withLock { state in
            defer { state.lines = [:] }
            return state.lines
        }
        for (stream, cutter) in cutters {
            if let line = cutter.rest { journal.add(Self.kind(stream), [line], pid: pid, for: owner) }
        }
        journal.add(.ended, [Array(status.utf8)], pid: pid, for: owner)
    }

    private static func kind(_ stream: OutputStream) -> JournalEntry.Kind {
        switch stream {
        case .stdout, .terminal: .output
        case .stderr: .error
        }
    }
}

/// Cuts output into lines of a bounded length; what is longer is dropped up to the line's end.
struct LineCutter: Sendable {
    private var pending: [UInt8] = []
    private var isInsideDropped: Bool

    init(isInsideDropped: Bool = false) {
        self.isInsideDropped = isInsideDropped
    }

    /// Takes the next bytes and gives the lines that they complete, without their ends.
    mutating func add(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0A) {
            append(rest[..<end])
            if !isInsideDropped { lines.append(Self.withoutReturn(pending)) }
            pending = []
            isInsideDropped = false
            rest = rest[(end + 1)...]
        }
        append(rest)
        return lines
    }

    /// What came after the last line end, if anything.
    var rest: [UInt8]? { pending.isEmpty || isInsideDropped ? nil : Self.withoutReturn(pending) }

    private mutating func append(_ bytes: ArraySlice<UInt8>) {
        let room = Journal.lineLimit - pending.count
        if !isInsideDropped, room > 0 { pending += bytes.prefix(room) }
    }

    private static func withoutReturn(_ line: [UInt8]) -> [UInt8] {
        line.last == 0x0D ? line.dropLast() : line
    }
}
