import Wire

/// Writes lines to the program, one after the other, whoever they come from.
final class LineWriter: Sendable {
    private enum Job: Sendable {
        case lines([UInt8], OneShot<Void>)
        case end(OneShot<Void>)
    }

    private let jobs: AsyncStream<Job>.Continuation

    init(_ process: any AgentProcess) {
        let (stream, jobs) = AsyncStream.makeStream(of: Job.self)
        self.jobs = jobs
        // Lives until the stream is finished, which ``finish()`` does.
        Task {
            var end: (any Error)?
            for await job in stream {
                switch job {
                case .lines(let bytes, let done):
                    if let end {
                        done.resolve(.failure(end))
                        continue
                    }
                    do {
                        try await process.write(bytes)
                        done.resolve(.success(()))
                    } catch {
                        end = AgentError(.connectionLost, "Claude Code takes no more input", cause: error)
                        done.resolve(.failure(end ?? error))
                    }
                case .end(let done):
                    end = end ?? Self.ended
                    try? await process.closeInput()
                    done.resolve(.success(()))
                }
            }
        }
    }

    private static let ended = AgentError(.closed, "The session is closed; nothing can be sent to it")

    func write(_ value: JSONValue) async throws {
        try await write([value])
    }

    /// Writes several lines at once.
    func write(_ values: [JSONValue]) async throws {
        let done = OneShot<Void>()
        if case .terminated = jobs.yield(.lines(values.flatMap { $0.encoded() + [0x0A] }, done)) { throw Self.ended }
        try await done.value()
    }

    /// Ends the program's input behind what was written.
    func end() async {
        let done = OneShot<Void>()
        if case .terminated = jobs.yield(.end(done)) { return }
        try? await done.value()
    }

    /// Takes no more; what waits is still tried.
    func finish() {
        jobs.finish()
    }
}
