import CLinux
import Glibc
import Linux
import Synchronization
import Wire

/// Keeps all output in a file that has no name, so that it lives as long as somebody may read it and no longer.
///
/// Programs that drop output when their reader is slow (Claude Code does, and ends with status 0) never see a slow reader:
/// the pipe is emptied at once, whoever listens. Every reader starts at the beginning.
///
/// When the disk is full, the process goes on and what it writes from then on is lost; its end says so.
final class SpooledOutput: ResumableOutput {
    /// A run of bytes of one stream, up to `end` in the file; it begins where the one before it ends.
    private struct Run {
        var stream: OutputStream
        var end: Int
    }

    private struct State {
        var runs: [Run] = []
        var size = 0
        var isFinished = false
        var loss: String?
    }

    private let file: Descriptor
    private let state = Mutex(State())
    private let changes = Changes()
    private let turns = Turns()

    init(directory: String) throws(LinuxError) {
        file = Descriptor(
            owning: try check("make a file for output in '\(directory)'") { clinux_unlinked_file(directory) }
        )
    }

    var loss: String? { state.withLock { $0.loss } }

    func add(_ stream: OutputStream, _ bytes: [UInt8]) async {
        await turns.withTurn {
            let (start, isLost) = state.withLock { ($0.size, $0.loss != nil) }
            if isLost { return }
            do {
                try await BlockingPool.run { [file] in try Self.write(bytes, to: file, at: start) }
                state.withLock { state in
                    state.size += bytes.count
                    if state.runs.last?.stream == stream {
                        state.runs[state.runs.count - 1].end = state.size
                    } else {
                        state.runs.append(Run(stream: stream, end: state.size))
                    }
                }
            } catch {
                state.withLock { $0.loss = "output was cut off after \(start) bytes: \(error)" }
            }
        }
        changes.announce()
    }

    private static func write(_ bytes: [UInt8], to file: Descriptor, at offset: Int) throws(LinuxError) {
        var done = 0
        while done < bytes.count {
            let start = done
            done += try check("keep output on the guest's disk") {
                bytes.withUnsafeBytes { buffer in
                    let rest = UnsafeRawBufferPointer(rebasing: buffer[start...])
                    return pwrite(file.raw, rest.baseAddress, rest.count, off_t(offset + start))
                }
            }
        }
    }

    func finish() {
        state.withLock { $0.isFinished = true }
        changes.announce()
    }

    func reader() -> any OutputReader { Reader(self, from: 0) }
    func lateReader() -> any OutputReader { reader() }

    func reader(from place: Int) throws(CallError) -> any OutputReader {
        guard 0...state.withLock({ $0.size }) ~= place else { throw .unwritten(place) }
        return Reader(self, from: place)
    }

    /// All is kept as long as the process is known.
    func acknowledge(_ place: Int) {}

    private final class Reader: OutputReader {
        private struct Place {
            var run = 0
            var offset = 0
            var isKeepaliveDue = false
        }

        private enum Step {
            case read(OutputStream, offset: Int, count: Int)
            case give(OutputItem)
            case wait
        }

        private let output: SpooledOutput
        private let place = Mutex(Place())

        init(_ output: SpooledOutput, from offset: Int) {
            self.output = output
            place.withLock { $0.offset = offset }
        }

        func next() async throws -> OutputItem {
            while true {
                let seen = output.changes.version
                switch step() {
                case .read(let stream, let offset, let count):
                    let bytes = try await BlockingPool.run { [file = output.file] in
                        try Self.read(file, at: offset, count)
                    }
                    place.withLock { $0.offset += bytes.count }
                    return .chunk(OutputChunk(stream: stream, bytes: bytes))
                case .give(let item): return item
                case .wait: try await output.changes.wait(past: seen)
                }
            }
        }

        private func step() -> Step {
            output.state.withLock { state in
                place.withLock { place in
                    while place.run < state.runs.count {
                        let run = state.runs[place.run]
                        if place.offset < run.end {
                            let count = min(run.end - place.offset, run.stream.chunkLimit)
                            return .read(run.stream, offset: place.offset, count: count)
                        }
                        // Only the last run still grows.
                        if place.run == state.runs.count - 1 { break }
                        place.run += 1
                    }
                    if state.isFinished { return .give(.finished) }
                    if place.isKeepaliveDue {
                        place.isKeepaliveDue = false
                        return .give(.keepalive)
                    }
                    return .wait
                }
            }
        }

        private static func read(_ file: Descriptor, at offset: Int, _ count: Int) throws(LinuxError) -> [UInt8] {
            var bytes = [UInt8](repeating: 0, count: count)
            let length = try check("read output back from the guest's disk") {
                bytes.withUnsafeMutableBytes { pread(file.raw, $0.baseAddress, count, off_t(offset)) }
            }
            guard length > 0 else {
                throw LinuxError(
                    LinuxError.Code(rawValue: EIO),
                    "The output on the guest's disk is shorter than it was"
                )
            }
            return Array(bytes.prefix(length))
        }

        func keepAlive() {
            place.withLock { $0.isKeepaliveDue = true }
            output.changes.announce()
        }

        func close() {}
    }
}
