import Access
import Synchronization

/// How many sandboxes one owner may have at once, those that are being made and those that rest among them.
final class SandboxQuota: Sendable {
    /// Nil is without limit.
    private let limit: Int?
    private let held = Mutex<[Owner: Int]>([:])

    init(limit: Int?) { self.limit = limit }

    /// Takes a place for one more; it is given back by ``leave(_:)``.
    ///
    /// - Throws: ``SandboxError/Code/tooMany`` if the owner has none left.
    func enter(_ owner: Owner) throws {
        try held.withLock { held in
            let count = held[owner] ?? 0
            if let limit, count >= limit {
                throw SandboxError(
                    .tooMany,
                    "There are \(count) sandboxes of '\(owner)' already, which is the limit; end one, or raise it with "
                        + "'martlet serve --max-sandboxes'"
                )
            }
            held[owner] = count + 1
        }
    }

    /// Takes a place for one that is there, whatever the limit says.
    func note(_ owner: Owner) {
        held.withLock { $0[owner, default: 0] += 1 }
    }

    func leave(_ owner: Owner) {
        held.withLock { held in
            let count = (held[owner] ?? 0) - 1
            held[owner] = count > 0 ? count : nil
        }
    }
}
