// A client that loses its connection while a sandbox is made asks again under the same idempotency key and gets the answer
// that the first request would have had. The answers are in the records, with the tokens that are in them: they survive the
// daemon, as do the sandboxes.

import Access
import FoundationEssentials
import Records
import Synchronization
import TLS

/// What requests with an idempotency key were answered.
package final class IdempotentAnswers: Sendable {
    private static let lifetime: TimeInterval = 24 * 3600
    /// How many answers of one owner are kept, the newest.
    private static let limit = 10_000
    static let keyLengths = 1...255

    private struct Key: Hashable, Sendable {
        let owner: Owner
        let text: String
    }

    /// What the records say of a key.
    private enum Known: Sendable {
        case nothing
        /// It was used for another request.
        case another
        /// The request was begun and nobody wrote down how it ended.
        case begun
        case answered(Answer)
    }

    private let database: Database
    /// The requests that are being worked on, by this process.
    private let running = Mutex<Set<Key>>([])

    package init(_ database: Database) {
        self.database = database
    }

    /// Does `work` unless it was done under this key before, and gives its answer, the same each time.
    ///
    /// Refusals are answers, too, but for those that say that another attempt may succeed: these are forgotten.
    ///
    /// - Parameter request: all that makes it this request and no other.
    /// - Throws: ``RESTError`` with status 409 when the key is in use or was used for another request, 422 when the outcome is
    ///   lost, 503 when the records can not be used.
    func once(
        _ key: String,
        owner: Owner,
        request: [UInt8],
        _ work: @Sendable () async throws -> Answer
    ) async throws -> Answer {
        guard Self.keyLengths.contains(key.utf8.count) else {
            throw RESTError.badRequest("'Idempotency-Key' must have 1 to \(Self.keyLengths.upperBound) characters")
        }
        let key = Key(owner: owner, text: key)
        let digest = Digest.sha256(request)
        guard running.withLock({ $0.insert(key).inserted }) else {
            // Which request it is can be told all the same.
            if case .another = try await begin(key, digest) { throw Self.mismatch }
            throw Self.inProgress
        }
        defer { _ = running.withLock { $0.remove(key) } }
        switch try await begin(key, digest) {
        case .answered(let answer): return answer
        case .another: throw Self.mismatch
        case .begun:
            throw RESTError(
                422,
                "The outcome of the request with this idempotency key is not known: the daemon ended while it was worked on",
                errorCode: "idempotency_outcome_unknown"
            )
        case .nothing: return try await finish(key, work)
        }
    }

    private static let mismatch = RESTError(
        409,
        "This idempotency key was used for another request",
        errorCode: "idempotency_request_mismatch"
    )
    private static let inProgress = RESTError(
        409,
        "The request with this idempotency key is still being worked on",
        errorCode: "idempotency_in_progress"
    )

    private func finish(_ key: Key, _ work: @Sendable () async throws -> Answer) async throws -> Answer {
        do {
            let answer = try await work()
            try? await write(answer, key)
            return answer
        } catch {
            let refusal = RESTError(error)
            if (400..<500).contains(refusal.status), refusal.status != 429, let answer = try? refusal.answer {
                try? await write(answer, key)
            } else {
                try? await forget(key)
            }
            throw refusal
        }
    }

    // MARK: Records

    /// Notes that a request begins, unless something is known of its key.
    private func begin(_ key: Key, _ digest: [UInt8]) async throws -> Known {
        let now = Date().timeIntervalSince1970
        do {
            return try await database.transaction { connection in
                _ = try connection.execute("DELETE FROM answers WHERE started < ?", now - Self.lifetime)
                let known = try connection.query(
                    "SELECT request, status, body FROM answers WHERE owner = ? AND key = ?",
                    key.owner.rawValue,
                    key.text
                ) { row -> Known in
                    guard try row.blob("request") == digest else { return .another }
                    guard let status = try row.optionalInteger("status") else { return .begun }
                    return .answered(Answer(status, json: try row.blob("body")))
                }
                if let known = known.first { return known }
                _ = try connection.execute(
                    """
                    DELETE FROM answers WHERE owner = ? AND key IN
                        (SELECT key FROM answers WHERE owner = ? AND status IS NOT NULL
                            ORDER BY started DESC LIMIT -1 OFFSET ?)
                    """,
                    key.owner.rawValue,
                    key.owner.rawValue,
                    Self.limit - 1
                )
                _ = try connection.execute(
                    "INSERT INTO answers (owner, key, request, started) VALUES (?, ?, ?, ?)",
                    key.owner.rawValue,
                    key.text,
                    digest,
                    now
                )
                return .nothing
            }
        } catch let error as RecordsError {
            throw RESTError(503, "Idempotency keys can not be used now: \(error)")
        }
    }

    private func write(_ answer: Answer, _ key: Key) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE answers SET status = ?, body = ? WHERE owner = ? AND key = ?",
                answer.status,
                answer.body,
                key.owner.rawValue,
                key.text
            )
        }
    }

    private func forget(_ key: Key) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                "DELETE FROM answers WHERE owner = ? AND key = ?",
                key.owner.rawValue,
                key.text
            )
        }
    }
}
