import FoundationEssentials
import Synchronization
import Wire

/// What happened in the guest: the newest entries, for the host to read.
///
/// Text is kept as the bytes that it came in and becomes words only for a reader, which most of it never meets.
final class Journal: Sendable {
    private struct Entry {
        var sequence: UInt64
        var time: Date
        var kind: JournalEntry.Kind
        var pid: UInt32
        var text: [UInt8]
    }

    private struct State {
        /// Entries before `first` are gone already; they leave the array when they are half of it.
        var entries: [Entry] = []
        var first = 0
        var size = 0
        var last: UInt64 = 0
        var owner: UInt64 = 0

        mutating func dropFirst() {
            size -= entries[first].text.count
            entries[first].text = []
            first += 1
            guard first > entries.count / 2 else { return }
            entries.removeFirst(first)
            first = 0
        }
    }

    /// The most bytes of one line.
    static let lineLimit = 8 * 1024
    private static let countLimit = 4000
    private static let sizeLimit = 1024 * 1024

    private let state = Mutex(State())

    /// For whom the journal is kept now; entries for anyone else are not taken.
    var owner: UInt64 { state.withLock { $0.owner } }

    /// Adds lines, each already cut to ``lineLimit``.
    func add(_ kind: JournalEntry.Kind, _ lines: [[UInt8]], pid: UInt32, for owner: UInt64) {
        let now = Date()
        state.withLock { state in
            guard state.owner == owner else { return }
            for line in lines {
                state.last += 1
                state.size += line.count
                state.entries.append(Entry(sequence: state.last, time: now, kind: kind, pid: pid, text: line))
            }
            while state.entries.count - state.first > Self.countLimit || state.size > Self.sizeLimit {
                state.dropFirst()
            }
        }
    }

    /// Leaves a gap, as entries that were dropped do.
    func skip(for owner: UInt64) {
        state.withLock { state in if state.owner == owner { state.last += 1 } }
    }

    /// Forgets everything; processes that go on write on.
    func empty() {
        state.withLock { $0 = State(owner: $0.owner) }
    }

    /// Forgets everything, and takes nothing more from the processes of now: the guest becomes somebody else's.
    func changeOwner() {
        state.withLock { $0 = State(owner: $0.owner + 1) }
    }

    /// The oldest entries behind `sequence`.
    func read(after sequence: UInt64, limit: Int) -> [JournalEntry] {
        let found = state.withLock { state in
            state.entries[state.first...].drop { $0.sequence <= sequence }.prefix(max(0, limit))
        }
        return found.map { entry in
            JournalEntry(
                sequence: entry.sequence,
                time: entry.time,
                kind: entry.kind,
                pid: entry.pid,
                // Repairs what is no UTF-8, a character cut in two at the limit included.
                text: String(decoding: entry.text, as: UTF8.self)
            )
        }
    }
}
