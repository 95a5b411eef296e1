import FoundationEssentials
import Wire

/// Which of a process's outputs.
enum OutputStream: Sendable {
    case stdout, stderr, terminal

    /// The most bytes that one event carries.
    var chunkLimit: Int {
        switch self {
        case .stdout, .stderr: 32 * 1024
        case .terminal: 16 * 1024
        }
    }
}

/// Bytes that a process wrote.
struct OutputChunk: Sendable {
    var stream: OutputStream
    var bytes: [UInt8]

    var event: ProcessEvent {
        let data = Data(bytes)
        switch stream {
        case .stdout: return .data(ProcessEvent.Output(stdout: data))
        case .stderr: return .data(ProcessEvent.Output(stderr: data))
        case .terminal: return .data(ProcessEvent.Output(pty: data))
        }
    }
}

extension [OutputChunk] {
    /// Appends to the last chunk what fits into it, or a chunk of its own.
    mutating func join(_ chunk: OutputChunk) {
        if let last, last.stream == chunk.stream, last.bytes.count + chunk.bytes.count <= chunk.stream.chunkLimit {
            self[count - 1].bytes += chunk.bytes
        } else {
            append(chunk)
        }
    }
}

/// What the reader of an output gets next.
enum OutputItem: Sendable {
    case chunk(OutputChunk)
    /// Nothing was written for so long that the reader should show that it lives.
    case keepalive
    /// All was read and nothing more will come.
    case finished
}

/// Where a process's output goes between its pipes and its readers.
protocol OutputStore: AnyObject, Sendable {
    /// Takes bytes that the process wrote. It may wait for readers; when the task is cancelled it takes them at once.
    func add(_ stream: OutputStream, _ bytes: [UInt8]) async
    /// Says that no more will be added.
    func finish()
    /// Joins. What a reader gets of what was written earlier is the store's own choice.
    func reader() -> any OutputReader
    /// Joins as somebody who has seen nothing yet: first comes what is kept of what was written earlier.
    func lateReader() -> any OutputReader
    /// Why some of the output is missing for everybody, if it is.
    var loss: String? { get }
}

/// Keeps output until it was read for certain, so that a reader who was cut off can go on where he was.
///
/// Places are numbers of bytes since the beginning, of both outputs together.
protocol ResumableOutput: OutputStore {
    /// Joins behind the first `place` bytes.
    ///
    /// - Throws: ``CallError`` `outOfRange` when that is not kept any more, or was never written.
    func reader(from place: Int) throws(CallError) -> any OutputReader
    /// Says that the first `place` bytes need not be kept any longer.
    func acknowledge(_ place: Int)
}

/// One reader of a process's output; used by one task.
protocol OutputReader: AnyObject, Sendable {
    func next() async throws -> OutputItem
    /// Makes ``next()`` give a keepalive when nothing else is there.
    func keepAlive()
    /// Leaves, so that nobody waits for this reader any more.
    func close()
}
