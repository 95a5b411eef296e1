import Linux
import Synchronization
import Wire

/// A server that is a program: each message is one line of its standard streams.
package final class ProcessLine: ServerLine {
    private let process: PipedChild
    private let writing = AsyncLock()
    /// The last that it wrote to standard error, and whether that was all.
    private let lastWords = Mutex<[UInt8]>([])
    private let heardAll = Latch<Void>()

    /// - Throws: `SpawnError`, ``ServerFailure`` when the program is not there.
    package init(command: [String], environment: [String: String], directory: String?) throws {
        guard let name = command.first, let path = Program.find(name, path: environment["PATH"]) else {
            throw ServerFailure("the program '\(command.first ?? "")' is not installed")
        }
        process = try PipedChild(
            path: path,
            arguments: command,
            environment: environment,
            directory: directory
        )
    }

    package func run(_ take: @escaping @Sendable (JSONValue) async throws -> Void) async throws {
        defer { close() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.readMessages(take) }
            group.addTask { try await self.listen() }
            group.addTask {
                _ = try await self.process.child.exit.value()
                // Others that it started may hold its output open; what it wrote itself is read by then.
                try await EventLoop.shared.sleep(for: .milliseconds(500))
            }
            defer { group.cancelAll() }
            try await group.next()
            // What it said last may come behind the end of its output.
            _ = try? await withDeadline(.seconds(1)) { [heardAll] in try await heardAll.value() }
        }
        let status = try? await withDeadline(.seconds(1)) { try await self.process.child.exit.value() }
        let words = lastWords.withLock { String(decoding: $0, as: UTF8.self) }
            .split(whereSeparator: \.isNewline).suffix(3).joined(separator: " | ")
        let how = status.map { "it ended with status \($0.shellStatus)" } ?? "it closed its output"
        throw ServerFailure(words.isEmpty ? how : "\(how) and said: \(words)")
    }

    private func readMessages(_ take: @Sendable (JSONValue) async throws -> Void) async throws {
        var lines = LineSplitter()
        while true {
            let bytes = try await process.output.read(upTo: 65_536)
            if bytes.isEmpty { return }
            for line in lines.add(bytes) where !line.isEmpty {
                guard line.count <= ServerLimits.message else { throw Self.tooLong }
                // Some programs greet people on standard output; what is no message is not passed on.
                guard let message = try? JSONValue(parsing: line) else { continue }
                try await take(message)
            }
            guard lines.pendingCount <= ServerLimits.message else { throw Self.tooLong }
        }
    }

    private static let tooLong = ServerFailure("it wrote a line of more than \(ServerLimits.message >> 20) MiB")

    private func listen() async throws {
        while true {
            let bytes = try await process.errors.read(upTo: 16_384)
            if bytes.isEmpty {
                heardAll.set(())
                // That it closes its standard error means nothing.
                return try await Latch<Void>().value()
            }
            lastWords.withLock { $0 = ($0 + bytes).suffix(2048) }
        }
    }

    package func send(_ message: JSONValue) async throws {
        let bytes = message.encoded() + [0x0A]
        try await writing.withLock { [process] in try await process.input.write(bytes) }
    }

    package func close() {
        process.kill()
        process.input.close()
        process.output.close()
        process.errors.close()
    }
}
