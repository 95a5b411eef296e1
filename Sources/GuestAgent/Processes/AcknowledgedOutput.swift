import Linux
import Synchronization
import Wire

/// Keeps output in memory until its reader has said that it came, and makes the process wait when that is too much.
///
/// A reader that is cut off so loses nothing, and a process that nobody reads is slowed down and not forgotten.
final class AcknowledgedOutput: ResumableOutput {
    private struct State {
        var chunks: [OutputChunk] = []
        /// Where the first chunk begins.
        var start = 0
        var end = 0
        var isFinished = false

        /// A chunk costs something besides its bytes.
        var weight: Int { end - start + chunks.count * 64 }

        mutating func append(_ chunk: OutputChunk) {
            end += chunk.bytes.count
            chunks.join(chunk)
        }

        /// Forgets whole chunks that end at or before `place`.
        mutating func forget(upTo place: Int) {
            var count = 0
            while count < chunks.count, start + chunks[count].bytes.count <= place {
                start += chunks[count].bytes.count
                count += 1
            }
            chunks.removeFirst(count)
        }

        /// What begins at `place`; nil when nothing does yet.
        func chunk(at place: Int) -> OutputChunk? {
            var begin = start
            for chunk in chunks {
                let end = begin + chunk.bytes.count
                if place < end {
                    return OutputChunk(stream: chunk.stream, bytes: Array(chunk.bytes[(place - begin)...]))
                }
                begin = end
            }
            return nil
        }
    }

    static let limit = 1024 * 1024

    private let state = Mutex(State())
    private let changes = Changes()

    var loss: String? { nil }

    func add(_ stream: OutputStream, _ bytes: [UInt8]) async {
        var evenIfFull = false
        while true {
            let seen = changes.version
            let force = evenIfFull
            let isTaken = state.withLock { state in
                guard force || state.weight < Self.limit else { return false }
                state.append(OutputChunk(stream: stream, bytes: bytes))
                return true
            }
            if isTaken { break }
            // A cancelled task drains a process that has ended: what is left fits in a pipe, so it may exceed the bound.
            do { try await changes.wait(past: seen) } catch { evenIfFull = true }
        }
        changes.announce()
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        changes.announce()
    }

    func acknowledge(_ place: Int) {
        state.withLock { $0.forget(upTo: place) }
        changes.announce()
    }

    func reader() -> any OutputReader { Reader(self, state.withLock { $0.start }) }
    func lateReader() -> any OutputReader { reader() }

    func reader(from place: Int) throws(CallError) -> any OutputReader {
        let (start, end) = state.withLock { ($0.start, $0.end) }
        guard place <= end else { throw .unwritten(place) }
        guard place >= start else {
            throw CallError(.outOfRange, "The output before byte \(start) was read and is not kept any more")
        }
        return Reader(self, place)
    }

    private final class Reader: OutputReader {
        private let output: AcknowledgedOutput
        private let place: Mutex<(offset: Int, isKeepaliveDue: Bool)>

        init(_ output: AcknowledgedOutput, _ offset: Int) {
            self.output = output
            place = Mutex((offset, false))
        }

        func next() async throws -> OutputItem {
            while true {
                let seen = output.changes.version
                let item: OutputItem? = output.state.withLock { state in
                    place.withLock { place in
                        // Somebody else may have said that more has come than was read here.
                        place.offset = max(place.offset, state.start)
                        if let chunk = state.chunk(at: place.offset) {
                            place.offset += chunk.bytes.count
                            return .chunk(chunk)
                        }
                        if state.isFinished { return .finished }
                        defer { place.isKeepaliveDue = false }
                        return place.isKeepaliveDue ? .keepalive : nil
                    }
                }
                if let item { return item }
                try await output.changes.wait(past: seen)
            }
        }

        func keepAlive() {
            place.withLock { $0.isKeepaliveDue = true }
            output.changes.announce()
        }

        func close() {}
    }
}

extension CallError {
    static func unwritten(_ place: Int) -> CallError {
        CallError(.outOfRange, "The program has not written \(place) bytes")
    }
}
