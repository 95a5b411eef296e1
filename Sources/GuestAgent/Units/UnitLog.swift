import FoundationEssentials
import Synchronization
import Wire

/// The last lines that a unit wrote, whichever of its programs did.
final class UnitLog: Sendable {
    private struct State {
        var lines: [UnitLogLine] = []
        /// The oldest that counts; those before it are removed seldom and many at once.
        var first = 0
        var size = 0

        mutating func add(_ line: UnitLogLine) {
            lines.append(line)
            size += line.text.utf8.count
            while lines.count - first > UnitLog.countLimit || size > UnitLog.sizeLimit {
                size -= lines[first].text.utf8.count
                first += 1
            }
            guard first > UnitLog.countLimit else { return }
            lines.removeFirst(first)
            first = 0
        }
    }

    static let countLimit = 5000
    static let sizeLimit = 1024 * 1024

    private let state = Mutex(State())

    func add(_ source: UnitLogLine.Source, _ text: String) {
        let line = UnitLogLine(time: Date(), source: source, text: text)
        state.withLock { $0.add(line) }
    }

    /// Takes what a program writes until its output has ended.
    func take(_ reader: any OutputReader) async {
        defer { reader.close() }
        var cutters: [UnitLogLine.Source: LineCutter] = [:]
        while let item = try? await reader.next() {
            switch item {
            case .chunk(let chunk):
                let source: UnitLogLine.Source = chunk.stream == .stderr ? .error : .output
                for line in cutters[source, default: LineCutter()].add(chunk.bytes) {
                    add(source, String(decoding: line, as: UTF8.self))
                }
            case .keepalive: continue
            case .finished:
                for (source, cutter) in cutters {
                    if let rest = cutter.rest { add(source, String(decoding: rest, as: UTF8.self)) }
                }
                return
            }
        }
    }

    /// The last `count` lines, the oldest first.
    func read(_ count: Int, since: Date?) -> [UnitLogLine] {
        state.withLock { state in
            Array(state.lines[state.first...].filter { since.map($0.time.isAtOrAfter) ?? true }.suffix(max(0, count)))
        }
    }
}

extension Date {
    fileprivate func isAtOrAfter(_ other: Date) -> Bool { self >= other }
}
