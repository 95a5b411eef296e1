import Glibc
import Linux

/// Where a command writes: data to standard output, talk to standard error.
///
/// The descriptors are shared with whoever started us, so they are left blocking, and threads that may block do the writing.
package enum StandardStream: Int32, Sendable {
    case output = 1
    case error = 2

    /// Writes all bytes, in the order of the calls of one task.
    package func write(_ bytes: [UInt8]) async throws {
        if bytes.isEmpty { return }
        let number = rawValue
        try await BlockingPool.run {
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.write(number, $0.baseAddress.map { $0 + done }, bytes.count - done)
                }
                if count >= 0 {
                    done += count
                } else if errno == EAGAIN {
                    var wait = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                } else if errno != EINTR {
                    throw LinuxError("write to standard \(number == 1 ? "output" : "error")")
                }
            }
        }
    }

    package func write(_ text: String) async throws {
        try await write(Array(text.utf8))
    }

    /// Says something to the person at the other end; nobody there is no error.
    static func say(_ text: String) async {
        try? await StandardStream.error.write("martlet: \(TerminalText.line(text))\n")
    }
}

/// What is given to a command on its standard input.
final class StandardInput: Sendable {
    private let wakeUp: (reading: Descriptor, writing: Descriptor)

    init() throws(LinuxError) {
        wakeUp = try Descriptor.pipe()
    }

    /// Whether a read would not wait.
    static var hasInput: Bool {
        var wait = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&wait, 1, 0) > 0
    }

    /// Reads what is there, waiting for the first byte; an empty array is the end.
    ///
    /// - Throws: `CancellationError`, at once, when the task is cancelled.
    func read(upTo count: Int = 65_536) async throws -> [UInt8] {
        let wakeUp = wakeUp
        let bytes = try await withTaskCancellationHandler {
            try await BlockingPool.run { () -> [UInt8]? in
                var waits = [
                    pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: wakeUp.reading.raw, events: Int16(POLLIN), revents: 0),
                ]
                while true {
                    if poll(&waits, 2, -1) < 0, errno != EINTR { throw LinuxError("wait for standard input") }
                    if waits[1].revents != 0 { return nil }
                    if waits[0].revents == 0 { continue }
                    var bytes = [UInt8](repeating: 0, count: count)
                    let read = Glibc.read(STDIN_FILENO, &bytes, count)
                    if read >= 0 { return Array(bytes.prefix(read)) }
                    if errno != EINTR, errno != EAGAIN { throw LinuxError("read standard input") }
                }
            }
        } onCancel: {
            try? wakeUp.writing.writeAll([0])
        }
        guard let bytes else { throw CancellationError() }
        return bytes
    }

    /// Reads to the end; gives nil as soon as there are more than `limit` bytes.
    func readAll(limit: Int) async throws -> [UInt8]? {
        var all: [UInt8] = []
        while true {
            let bytes = try await read()
            if bytes.isEmpty { return all }
            all += bytes
            if all.count > limit { return nil }
        }
    }
}
