import Glibc
import Linux
import Synchronization
import Wire

/// Hears from the kernel's log which processes it has ended because the guest had no memory left.
///
/// The agent itself is never among them: it is the guest's first process.
final class MemoryShortages: Sendable {
    /// A process that the kernel has ended.
    struct Victim: Sendable, Hashable {
        var pid: UInt32
        var name: String

        var description: String { "the guest ran out of memory, and its kernel ended \(name) (pid \(pid))" }
    }

    private struct State {
        /// How many there were.
        var count = 0
        var newest: Victim?
    }

    /// Each read gives one record, from the first one behind the start of this agent.
    private let log: Channel?
    private let journal: Journal
    private let state = Mutex(State())

    /// - Parameter log: `/dev/kmsg`, or nothing where the kernel is not the agent's to listen to.
    init(log: String?, journal: Journal) {
        self.journal = journal
        self.log = log.flatMap { path in
            guard let file = try? Descriptor.open(path, O_RDONLY) else { return nil }
            lseek(file.raw, 0, SEEK_END)
            return try? Channel(file)
        }
    }

    /// How many there were, for ``victim(after:)``.
    var count: Int { state.withLock { $0.count } }

    /// The newest, if it is not among the first `count`. What the kernel has said until now is heard before that.
    func victim(after count: Int) -> Victim? {
        hear()
        return state.withLock { $0.count > count ? $0.newest : nil }
    }

    /// Writes each into the journal, until the task is cancelled.
    func run() async throws {
        guard let log else { return try await Latch<Void>().value() }
        while true {
            hear()
            try await log.waitForInput()
        }
    }

    private func hear() {
        guard let log else { return }
        state.withLock { state in
            // EPIPE tells that records were overwritten before they were read; the next read goes on behind them.
            for _ in 0..<Self.recordsAtOnce {
                let record: [UInt8]
                do {
                    guard let bytes = try log.readNow(upTo: Self.recordLimit) else { return }
                    record = bytes
                } catch let error as LinuxError where error.code == .brokenPipe {
                    continue
                } catch {
                    return
                }
                guard let victim = Self.victim(record) else { continue }
                state.count += 1
                state.newest = victim
                journal.add(.outOfMemory, [Array(victim.description.utf8)], pid: victim.pid, for: journal.owner)
            }
        }
    }

    private static let recordsAtOnce = 10_000
    /// The kernel's own, of a record and its dictionary.
    private static let recordLimit = 8192

    /// Reads a record of the kernel's log, as in `3,412,7133912,-;Out of memory: Killed process 312 (python3) total-vm:…`.
    static func victim(_ record: [UInt8]) -> Victim? {
        let text = String(decoding: record, as: UTF8.self)
        guard
            let start = text.firstRange(of: "ut of memory: Killed process ")?.upperBound,
            let open = text[start...].firstIndex(of: "("),
            // The name is of anyone's choice, and may hold one itself.
            let close = text[open...].firstRange(of: ") total-vm:")?.lowerBound,
            let pid = UInt32(text[start..<open].dropLast())
        else { return nil }
        return Victim(pid: pid, name: String(text[text.index(after: open)..<close]))
    }
}
