import Linux
import Synchronization

/// The tasks that keep machines within their limits, one each.
final class Keepers: Sendable {
    /// After which a keeper that failed tries again.
    private static let pause = Duration.seconds(10)

    private let tasks = Mutex<[String: Task<Void, Never>]>([:])

    deinit { for task in tasks.withLock({ $0.values.map(\.self) }) { task.cancel() } }

    /// Puts a keeper in the place of the one before.
    func appoint(_ id: String, _ work: @Sendable @escaping () async throws -> Void) {
        // The task's owner is this: it is cancelled when another takes its place, or none is needed.
        let task = Task(executorPreference: EventLoop.shared) {
            while !Task.isCancelled {
                if (try? await work()) != nil { return }
                try? await EventLoop.shared.sleep(for: Self.pause)
            }
        }
        replace(id, task)
    }

    func dismiss(_ id: String) { replace(id, nil) }

    private func replace(_ id: String, _ task: Task<Void, Never>?) {
        let previous = tasks.withLock { tasks in
            defer { tasks[id] = task }
            return tasks[id]
        }
        previous?.cancel()
    }
}
