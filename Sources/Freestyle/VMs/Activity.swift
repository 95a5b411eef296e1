import FoundationEssentials
import Synchronization

/// Who uses which machine, and when each was used last.
final class Activity: Sendable {
    private struct Use {
        var requests = 0
        var last = Date()
    }

    private let uses = Mutex<[String: Use]>([:])

    func enter(_ id: String) {
        uses.withLock { uses in
            uses[id, default: Use()].requests += 1
            uses[id]?.last = Date()
        }
    }

    func leave(_ ids: Set<String>) {
        uses.withLock { uses in
            for id in ids {
                uses[id]?.requests -= 1
                uses[id]?.last = Date()
            }
        }
    }

    /// Counts the machine as used just now.
    func note(_ id: String) { uses.withLock { $0[id, default: Use()].last = Date() } }

    /// When it was used last; now while somebody uses it, nil when nobody did since the daemon started.
    func last(_ id: String) -> Date? { uses.withLock { uses in uses[id].map { $0.requests > 0 ? Date() : $0.last } } }

    func forget(_ ids: Set<String>) { uses.withLock { uses in for id in ids { uses[id] = nil } } }
}
