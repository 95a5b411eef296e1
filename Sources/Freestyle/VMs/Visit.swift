import Synchronization

/// What one request has to do with machines: while it lasts, they are in use.
final class Visit: Sendable {
    private let visited = Mutex<Set<String>>([])

    /// - Returns: whether this is the request's first word about the machine.
    func enter(_ id: String) -> Bool { visited.withLock { $0.insert(id).inserted } }

    var machines: Set<String> { visited.withLock { $0 } }
}
