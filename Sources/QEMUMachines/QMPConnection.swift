import Linux
import Machines
import Synchronization
import Wire

/// QEMU's machine protocol: one JSON object a line, both ways.
///
/// <https://www.qemu.org/docs/master/interop/qmp-spec.html>
final class QMPConnection: Sendable {
    private struct State {
        var nextID: Int64 = 1
        var replies: [Int64: Latch<Result<JSONValue, MachineError>>] = [:]
        var isOver = false
        /// The last state of a migration that QEMU told, and who waits for its end.
        var migrationEnd = Latch<Bool>()
        /// Who waits for the ends of block jobs, by their names.
        var jobs: [String: Latch<Result<Void, MachineError>>] = [:]
    }

    private let channel: Channel
    private let state = Mutex(State())
    private let writing = AsyncLock()

    private init(_ channel: Channel) {
        self.channel = channel
    }

    deinit {
        channel.close()
    }

    /// Connects and agrees on capabilities.
    static func open(_ path: String) async throws -> QMPConnection {
        let channel = try await Channel.connect(to: .unix(path))
        let connection = QMPConnection(channel)
        // The task's owner is the channel: it ends when the channel does, and holds the connection weakly until then.
        Task(executorPreference: EventLoop.shared) { [weak connection] in
            var lines = LineSplitter()
            while let bytes = try? await channel.read(), !bytes.isEmpty {
                for line in lines.add(bytes) { connection?.receive(line) }
            }
            connection?.end()
        }
        _ = try await connection.execute("qmp_capabilities")
        return connection
    }

    /// Executes a command and gives what it returned.
    ///
    /// - Throws: ``MachineError`` with QEMU's own words.
    @discardableResult
    func execute(_ command: String, _ arguments: JSONValue = [:]) async throws -> JSONValue {
        let reply = Latch<Result<JSONValue, MachineError>>()
        let id: Int64? = state.withLock { state in
            if state.isOver { return nil }
            defer { state.nextID += 1 }
            state.replies[state.nextID] = reply
            return state.nextID
        }
        guard let id else { throw Self.gone }
        let request: JSONValue = ["execute": .string(command), "arguments": arguments, "id": .integer(id)]
        try await writing.withLock { [channel] in
            do { try await channel.write(request.encoded() + [0x0A]) } catch is LinuxError { throw Self.gone }
        }
        do {
            return try await reply.value().get()
        } catch let error as MachineError where error.code == .commandFailed {
            throw MachineError(.commandFailed, "QEMU refused '\(command)': \(error.message)")
        }
    }

    /// Forgets how the last migration ended; call it before one is begun.
    func expectMigration() -> Latch<Bool> {
        state.withLock { state in
            state.migrationEnd = Latch()
            return state.migrationEnd
        }
    }

    /// How a block job ends; call it before one is begun.
    func expectJob(_ name: String) -> Latch<Result<Void, MachineError>> {
        let end = Latch<Result<Void, MachineError>>()
        state.withLock { state in
            if state.isOver { end.set(.failure(Self.gone)) } else { state.jobs[name] = end }
        }
        return end
    }

    private static let gone = MachineError(.gone, "The machine has ended")

    private func receive(_ line: [UInt8]) {
        guard let message = try? JSONValue(parsing: line) else { return }
        if let id = message["id"]?.integer {
            let reply = state.withLock { $0.replies.removeValue(forKey: id) }
            if let value = message["return"] {
                reply?.set(.success(value))
            } else {
                let reason = message["error"]?["desc"]?.string ?? "no reason given"
                reply?.set(.failure(MachineError(.commandFailed, reason)))
            }
        } else if let event = message["event"]?.string, let data = message["data"] {
            receive(event, data)
        }
    }

    private func receive(_ event: String, _ data: JSONValue) {
        switch event {
        case "MIGRATION":
            let end = state.withLock { $0.migrationEnd }
            switch data["status"]?.string {
            case "completed": end.set(true)
            case "failed", "cancelled": end.set(false)
            default: break
            }
        case "BLOCK_JOB_COMPLETED", "BLOCK_JOB_CANCELLED":
            guard let name = data["device"]?.string else { return }
            let end = state.withLock { $0.jobs.removeValue(forKey: name) }
            let isDone = event == "BLOCK_JOB_COMPLETED" && data["error"] == nil
            let reason = data["error"]?.string ?? "cancelled"
            end?.set(
                isDone ? .success(()) : .failure(MachineError(.commandFailed, "QEMU's '\(name)' failed: \(reason)"))
            )
        default: break
        }
    }

    private func end() {
        let (replies, jobs, migration) = state.withLock { state in
            state.isOver = true
            defer { (state.replies, state.jobs) = ([:], [:]) }
            return (Array(state.replies.values), Array(state.jobs.values), state.migrationEnd)
        }
        for reply in replies { reply.set(.failure(Self.gone)) }
        for job in jobs { job.set(.failure(Self.gone)) }
        migration.set(false)
    }
}
