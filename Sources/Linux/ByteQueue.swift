import Synchronization

/// Bytes between two tasks. Whoever adds waits while much is there.
package final class ByteQueue: Sendable {
    private static let limit = 1024 * 1024

    private struct State {
        var bytes: [UInt8] = []
        var end: Result<Void, any Error>?
    }

    private let state = Mutex(State())
    private let changes = Changes()

    package init() {}

    /// - Throws: `CancellationError` when the task is cancelled while it waits.
    package func add(_ bytes: [UInt8]) async throws {
        while true {
            let seen = changes.version
            let isTaken = state.withLock { state in
                // Nobody takes what comes behind the end.
                if state.end != nil { return true }
                guard state.bytes.count < Self.limit else { return false }
                state.bytes += bytes
                return true
            }
            if isTaken { return changes.announce() }
            try await changes.wait(past: seen)
        }
    }

    /// Says that nothing more comes; what is here is taken first. The first call counts.
    ///
    /// - Parameter error: why, where that is not the end of it all.
    package func finish(_ error: (any Error)? = nil) {
        state.withLock { state in state.end = state.end ?? error.map { .failure($0) } ?? .success(()) }
        changes.announce()
    }

    /// What is there, waiting for the first byte; an empty array is the end.
    ///
    /// - Throws: what ``finish(_:)`` was given, or `CancellationError`.
    package func next() async throws -> [UInt8] {
        while true {
            let seen = changes.version
            let bytes: [UInt8]? = try state.withLock { state in
                if state.bytes.isEmpty {
                    guard let end = state.end else { return nil }
                    try end.get()
                    return []
                }
                defer { state.bytes = [] }
                return state.bytes
            }
            if let bytes {
                changes.announce()
                return bytes
            }
            try await changes.wait(past: seen)
        }
    }
}
