import Linux
import Synchronization

/// Who puts machines to rest and lets them go on: one at a time for each.
final class Turns: Sendable {
    private struct State {
        var locks: [String: AsyncLock] = [:]
        var resting: Set<String> = []
    }

    private let state = Mutex(State())

    func alone<Result: Sendable>(
        with id: String,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        let lock = state.withLock { state in
            let lock = state.locks[id] ?? AsyncLock()
            state.locks[id] = lock
            return lock
        }
        return try await lock.withLock(body)
    }

    /// Whether a machine is on its way to rest, and nobody is to take it for arrived.
    func isResting(_ id: String) -> Bool { state.withLock { $0.resting.contains(id) } }

    func resting(_ id: String, _ body: @Sendable () async throws -> Void) async throws {
        _ = state.withLock { $0.resting.insert(id) }
        defer { _ = state.withLock { $0.resting.remove(id) } }
        try await body()
    }

    /// Forgets a machine that is no more.
    func forget(_ id: String) {
        _ = state.withLock { $0.locks.removeValue(forKey: id) }
    }
}
