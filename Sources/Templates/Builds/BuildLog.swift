import FoundationEssentials
import Glibc
import Linux
import Synchronization
import Wire

/// The log of one build: in memory while it runs, and line by line in a file for those who ask later.
///
/// It is bounded: what a build says beyond that is counted and not kept.
package final class BuildLog: Sendable {
    static let lineLimit = 20_000
    static let lengthLimit = 4096

    private struct State {
        var lines: [TemplateLogLine] = []
        var lost = 0
        var isFinished = false
        var followers: [AsyncStream<TemplateLogLine>.Continuation] = []
    }

    private let state = Mutex(State())
    private let file: Descriptor?

    /// - Parameter path: where it is kept; the directory is made.
    init(_ path: String) {
        try? Files.makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)))
        file = try? Descriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
    }

    /// What a file of a log holds; a line that was cut off by a crash is passed over.
    static func read(_ path: String) -> [TemplateLogLine] {
        let decoder = JSONDecoder()
        return ((try? Files.read(path)) ?? []).split(separator: 0x0A).compactMap {
            try? decoder.decode(TemplateLogLine.self, from: Data($0))
        }
    }

    package var lines: [TemplateLogLine] { state.withLock { $0.lines } }

    func add(_ level: TemplateLogLine.Level, _ message: String, step: String?) {
        for part in message.split(separator: "\n", omittingEmptySubsequences: true) {
            append(TemplateLogLine(time: Date(), level: level, message: Self.cut(part), step: step))
        }
    }

    private static func cut(_ line: Substring) -> String {
        line.utf8.count <= lengthLimit
            ? String(line) : String(decoding: line.utf8.prefix(lengthLimit), as: UTF8.self) + "…"
    }

    private func append(_ line: TemplateLogLine) {
        state.withLock { state in
            guard !state.isFinished else { return }
            // The last words of a build, which say why it failed, are always kept.
            if state.lines.count >= Self.lineLimit, line.level != .error || state.lost > Self.lineLimit {
                state.lost += 1
                return
            }
            state.lines.append(line)
            for follower in state.followers { follower.yield(line) }
            // In the lock, so that the file has the order of the list. Lines are short.
            if let file, let text = try? JSONEncoder().encode(line) { try? file.writeAll(Array(text) + [0x0A]) }
        }
    }

    /// Each line from the first on, as they come, until the build has ended.
    func follow() -> AsyncStream<TemplateLogLine> {
        let (stream, follower) = AsyncStream.makeStream(of: TemplateLogLine.self)
        state.withLock { state in
            for line in state.lines { follower.yield(line) }
            if state.isFinished { follower.finish() } else { state.followers.append(follower) }
        }
        return stream
    }

    func finish() {
        let lost = state.withLock { $0.lost }
        if lost > 0 { add(.error, "\(lost) further lines were not kept", step: nil) }
        state.withLock { state in
            state.isFinished = true
            for follower in state.followers { follower.finish() }
            state.followers = []
        }
        file?.close()
    }
}

/// Where one step of a build writes.
struct StepLog: Sendable {
    let log: BuildLog
    let step: String

    func output(_ line: String, isError: Bool) {
        log.add(isError ? .warn : .info, line, step: step)
    }

    func info(_ message: String) { log.add(.info, message, step: step) }
    func warn(_ message: String) { log.add(.warn, message, step: step) }
    func error(_ message: String) { log.add(.error, message, step: step) }
}
