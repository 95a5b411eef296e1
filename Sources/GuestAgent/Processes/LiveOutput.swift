import Linux
import Synchronization
import Wire

/// Hands output to whoever listens now, and keeps of a terminal's what a person who comes later wants to see.
///
/// Each reader has a bounded queue. A process waits while every reader's queue is full, so a single slow reader slows it
/// down and loses nothing. Where another reader keeps up, the one that does not is cut off with an error instead: it must
/// hold up neither the process nor the others. Without a reader, output is dropped, as E2B's clients expect.
final class LiveOutput: OutputStore {
    private struct Queue {
        var chunks: [OutputChunk] = []
        var size = 0
        var isCutOff = false
        var isKeepaliveDue = false

        var isFull: Bool { size >= LiveOutput.queueLimit }

        mutating func append(_ chunk: OutputChunk) {
            size += chunk.bytes.count
            chunks.join(chunk)
        }
    }

    private struct State {
        var queues: [UInt64: Queue] = [:]
        var scrollback: Scrollback
        var nextKey: UInt64 = 0
        var isFinished = false

        /// Puts the chunk into the queues; false when every reader has to read first.
        mutating func place(_ chunk: OutputChunk, evenIfFull: Bool) -> Bool {
            let listening = queues.filter { !$0.value.isCutOff }
            let ready = listening.filter { evenIfFull || !$0.value.isFull }
            if ready.isEmpty, !listening.isEmpty { return false }
            scrollback.append(chunk.bytes)
            for key in listening.keys {
                if ready[key] == nil { queues[key]?.isCutOff = true } else { queues[key]?.append(chunk) }
            }
            return true
        }
    }

    static let queueLimit = 1024 * 1024

    private let state: Mutex<State>
    private let changes = Changes()

    /// - Parameter scrollback: how many bytes are kept for ``lateReader()``.
    init(scrollback: Int = 0) {
        state = Mutex(State(scrollback: Scrollback(limit: scrollback)))
    }

    var loss: String? { nil }

    func add(_ stream: OutputStream, _ bytes: [UInt8]) async {
        let chunk = OutputChunk(stream: stream, bytes: bytes)
        var evenIfFull = false
        while true {
            let seen = changes.version
            let force = evenIfFull
            if state.withLock({ $0.place(chunk, evenIfFull: force) }) { break }
            // A cancelled task drains a process that has ended: what is left fits in a pipe, so it may exceed the bound.
            do { try await changes.wait(past: seen) } catch { evenIfFull = true }
        }
        changes.announce()
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        changes.announce()
    }

    func reader() -> any OutputReader { reader { _ in Queue() } }

    func lateReader() -> any OutputReader {
        reader { state in
            var queue = Queue()
            let kept = state.scrollback.replay
            if !kept.isEmpty { queue.append(OutputChunk(stream: .terminal, bytes: kept)) }
            return queue
        }
    }

    private func reader(_ queue: (State) -> Queue) -> any OutputReader {
        let key = state.withLock { state in
            state.nextKey += 1
            state.queues[state.nextKey] = queue(state)
            return state.nextKey
        }
        return Reader(self, key)
    }

    private final class Reader: OutputReader {
        private let output: LiveOutput
        private let key: UInt64

        init(_ output: LiveOutput, _ key: UInt64) {
            self.output = output
            self.key = key
        }

        deinit { close() }

        func next() async throws -> OutputItem {
            while true {
                let seen = output.changes.version
                let item: OutputItem? = try output.state.withLock { state in
                    guard var queue = state.queues[key] else { return .finished }
                    defer { if state.queues[key] != nil { state.queues[key] = queue } }
                    if !queue.chunks.isEmpty {
                        let chunk = queue.chunks.removeFirst()
                        queue.size -= chunk.bytes.count
                        return .chunk(chunk)
                    }
                    if queue.isCutOff {
                        throw CallError(
                            .resourceExhausted,
                            "This reader fell more than \(LiveOutput.queueLimit) bytes behind another one and missed output"
                        )
                    }
                    if state.isFinished { return .finished }
                    if queue.isKeepaliveDue {
                        queue.isKeepaliveDue = false
                        return .keepalive
                    }
                    return nil
                }
                if let item {
                    // There may be room again for a process that waits.
                    if case .chunk = item { output.changes.announce() }
                    return item
                }
                try await output.changes.wait(past: seen)
            }
        }

        func keepAlive() {
            output.state.withLock { $0.queues[key]?.isKeepaliveDue = true }
            output.changes.announce()
        }

        func close() {
            output.state.withLock { _ = $0.queues.removeValue(forKey: key) }
            output.changes.announce()
        }
    }
}
