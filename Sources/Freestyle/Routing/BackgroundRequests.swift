// A request that takes longer than its client likes to wait is answered "pending" and goes on; the client asks for its answer
// until it is there, and gets it as it would have got it at first. A client that goes away does not end what it asked for.

import Access
import HTTP
import Linux
import Synchronization
import Wire

/// The requests that go on without their clients, and for a while their answers.
final class BackgroundRequests: Sendable {
    static let header = "x-freestyle-background-after-secs"
    static let idHeader = "x-freestyle-background-request-id"

    struct Limits: Sendable {
        /// How long an answer waits to be fetched.
        var lifetime = Duration.seconds(600)
        /// Of one owner at once, under way or waiting.
        var requests = 1000
        /// Bytes of an answer that waits.
        var answer = 64 * 1024 * 1024
    }

    private struct Entry: Sendable {
        let owner: Owner
        let answer: Latch<Answer>
        var ended: ContinuousClock.Instant?
    }

    private let limits: Limits
    private let entries = Mutex<[String: Entry]>([:])

    init(_ limits: Limits = Limits()) { self.limits = limits }

    /// Does `work` and gives its answer, or, when it is not there after `patience`, one that says where to ask for it.
    func perform(after patience: Duration, owner: Owner, _ work: @Sendable @escaping () async -> Answer) async throws
        -> Answer
    {
        let id = "bgr-\(Random.uuid())"
        let answer = Latch<Answer>()
        let isTaken = entries.withLock { entries in
            forgetOld(&entries)
            guard entries.values.count(where: { $0.owner == owner }) < limits.requests else { return false }
            entries[id] = Entry(owner: owner, answer: answer)
            return true
        }
        guard isTaken else {
            throw FreestyleError(
                429,
                .limitExceeded,
                "\(limits.requests) requests of this account are under way already"
            )
        }
        // The task's owner is the entry, which it marks as ended: no client is waited for, and none can cancel it.
        Task {
            let result = await work()
            answer.set(result.body.count > limits.answer ? Self.unstorable : result)
            entries.withLock { $0[id]?.ended = .now }
        }
        do {
            let result = try await withDeadline(patience) { try await answer.value() }
            _ = entries.withLock { $0.removeValue(forKey: id) }
            return result
        } catch is DeadlineExceeded { return Self.pending(id) }
    }

    /// The answer to a request, or that it is not there yet.
    func result(_ id: String, for caller: Caller) throws -> Answer {
        let entry = entries.withLock { entries in
            forgetOld(&entries)
            return entries[id]
        }
        guard let entry, caller.sees(entry.owner) else {
            throw FreestyleError.notFound("There is no background request '\(id)', or its answer was kept long enough")
        }
        return entry.answer.current ?? Self.pending(id)
    }

    private func forgetOld(_ entries: inout [String: Entry]) {
        let oldest = ContinuousClock.now - limits.lifetime
        entries = entries.filter { _, entry in entry.ended.map { $0 > oldest } ?? true }
    }

    private static func pending(_ id: String) -> Answer {
        var answer = Answer(202, ["requestId": .string(id), "status": "pending"])
        answer.headers[idHeader] = id
        return answer
    }

    private static let unstorable = FreestyleError(
        500,
        .unstorable,
        "The request was done, but its answer is too large to be kept"
    ).answer(.fifth)

    /// How long the client of a request waits; nil is until the end.
    static func patience(_ request: Request) throws -> Duration? {
        guard let text = request.headers[header] else { return nil }
        guard let seconds = Double(text), (0...86_400).contains(seconds) else {
            throw FreestyleError.badRequest("'\(header)' must be a number of seconds from 0 to 86400")
        }
        return .seconds(seconds)
    }
}
