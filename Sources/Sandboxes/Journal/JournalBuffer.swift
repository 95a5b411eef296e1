import FoundationEssentials
import Wire

/// The newest of what a guest said happened in it. The guest made it up, so nothing of it is believed that could do harm.
struct JournalBuffer: Sendable {
    static let entryLimit = 5000
    static let byteLimit = 2 * 1024 * 1024
    static let textLimit = 8 * 1024

    private(set) var entries: [JournalEntry] = []
    /// The sequence of the last entry that was read.
    private(set) var last: UInt64 = 0
    /// What is added to the guest's sequences: one that was booted anew begins again with 1.
    private(set) var base: UInt64
    private var bytes = 0
    private var lastTime: Date

    /// - Parameters:
    ///   - start: before which nothing can have happened.
    ///   - known: what was read before.
    init(start: Date, known: [JournalEntry] = [], base: UInt64 = 0) {
        lastTime = start
        self.base = 0
        add(known)
        self.base = base
    }

    /// The sequence of the last entry, as the guest has it.
    var lastOfGuest: UInt64 { last - min(base, last) }

    /// The guest was booted anew.
    mutating func beginAgain() {
        base = last
    }

    /// Adds what follows the last entry, in order; times neither go back nor lie ahead of the host's.
    ///
    /// - Returns: how many entries were new.
    @discardableResult
    mutating func add(_ page: [JournalEntry], now: Date = Date()) -> Int {
        var added = 0
        for var entry in page where entry.sequence > lastOfGuest {
            let (sequence, isBeyondAll) = entry.sequence.addingReportingOverflow(base)
            guard !isBeyondAll else { break }
            entry.sequence = sequence
            last = sequence
            if entry.text.utf8.count > Self.textLimit {
                entry.text = String(decoding: entry.text.utf8.prefix(Self.textLimit), as: UTF8.self)
            }
            entry.time = max(lastTime, min(entry.time, now))
            lastTime = entry.time
            entries.append(entry)
            bytes += entry.text.utf8.count
            added += 1
        }
        dropOldest()
        return added
    }

    private mutating func dropOldest() {
        var surplus = 0
        while entries.count - surplus > Self.entryLimit || bytes > Self.byteLimit {
            bytes -= entries[surplus].text.utf8.count
            surplus += 1
        }
        entries.removeFirst(surplus)
    }
}
