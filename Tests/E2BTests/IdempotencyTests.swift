import Access
import Linux
import Records
import Synchronization
import TLS
import Testing

@testable import E2B

/// Counts what was really done.
private final class Work: Sendable {
    let count = Mutex(0)

    func answer(_ status: Int = 201) -> @Sendable () async throws -> Answer {
        { [self] in
            let number = count.withLock { count in
                count += 1
                return count
            }
            if status >= 400 { throw RESTError(status, "refused \(number)") }
            return Answer(status, json: Array("{\"n\":\(number)}".utf8))
        }
    }
}

private func with(_ body: (IdempotentAnswers, Database) async throws -> Void) async throws {
    let directory = "/tmp/martlet-answers-\(Random.name(10))"
    try Files.makeDirectory(directory)
    defer { try? Files.remove(directory) }
    let database = try await Database(path: "\(directory)/martlet.db", migrations: Migration.all)
    try await body(IdempotentAnswers(database), database)
    await database.close()
}

private func refusal(_ body: () async throws -> Answer) async -> RESTError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? RESTError
    }
}

@Suite struct `a request with an idempotency key` {
    private let ada = Owner(rawValue: "ada")

    @Test func `is done once, and answered the same for ever after`() async throws {
        try await with { answers, database in
            let work = Work()
            let first = try await answers.once("k", owner: ada, request: [1], work.answer())
            let second = try await answers.once("k", owner: ada, request: [1], work.answer())
            // And by the next daemon.
            let third = try await IdempotentAnswers(database).once("k", owner: ada, request: [1], work.answer())
            #expect(first == second && second == third)
            #expect(work.count.withLock { $0 } == 1)
        }
    }

    @Test func `is told from another one, and from another owner's`() async throws {
        try await with { answers, _ in
            let work = Work()
            _ = try await answers.once("k", owner: ada, request: [1], work.answer())
            let other = await refusal { try await answers.once("k", owner: ada, request: [2], work.answer()) }
            #expect(other?.status == 409 && other?.errorCode == "idempotency_request_mismatch")
            _ = try await answers.once("k", owner: .installation, request: [2], work.answer())
            _ = try await answers.once("k2", owner: ada, request: [1], work.answer())
            #expect(work.count.withLock { $0 } == 3)
        }
    }

    @Test func `is refused for ever, unless another attempt may succeed`() async throws {
        try await with { answers, _ in
            let work = Work()
            for status in [400, 404, 501, 503, 429] {
                let key = "k\(status)"
                let first = await refusal { try await answers.once(key, owner: ada, request: [1], work.answer(status)) }
                #expect(first?.status == status)
                let isFinal = (400..<500).contains(status) && status != 429
                let second = try await answers.once(key, owner: ada, request: [1], work.answer())
                #expect(second.status == (isFinal ? status : 201))
            }
        }
    }

    @Test func `waits for nobody while it is worked on`() async throws {
        try await with { answers, _ in
            let begun = Latch<Void>()
            let end = Latch<Void>()
            let first = Task { [ada] in
                try await answers.once("k", owner: ada, request: [1]) {
                    begun.set(())
                    try await end.value()
                    return Answer(201, json: Array("{}".utf8))
                }
            }
            try await begun.value()
            let same = await refusal { try await answers.once("k", owner: ada, request: [1], Work().answer()) }
            #expect(same?.status == 409 && same?.errorCode == "idempotency_in_progress")
            let other = await refusal { try await answers.once("k", owner: ada, request: [2], Work().answer()) }
            #expect(other?.errorCode == "idempotency_request_mismatch")
            end.set(())
            #expect(try await first.value.status == 201)
            let after = try await answers.once("k", owner: ada, request: [1], Work().answer())
            #expect(after.status == 201)
        }
    }

    @Test func `has an unknown outcome when the daemon ended in its midst`() async throws {
        try await with { answers, database in
            try await database.transaction { connection in
                _ = try connection.execute(
                    "INSERT INTO answers (owner, key, request, started) VALUES ('ada', 'k', ?, unixepoch())",
                    Digest.sha256([1])
                )
            }
            let lost = await refusal { try await answers.once("k", owner: ada, request: [1], Work().answer()) }
            #expect(lost?.status == 422 && lost?.errorCode == "idempotency_outcome_unknown")
        }
    }

    @Test func `is not done when that could not be remembered`() async throws {
        try await with { answers, database in
            await database.close()
            let work = Work()
            let refused = await refusal { try await answers.once("k", owner: ada, request: [1], work.answer()) }
            #expect(refused?.status == 503)
            #expect(work.count.withLock { $0 } == 0)
        }
    }

    @Test func `is forgotten after a day`() async throws {
        try await with { answers, database in
            let work = Work()
            _ = try await answers.once("k", owner: ada, request: [1], work.answer())
            try await database.transaction { connection in
                _ = try connection.execute("UPDATE answers SET started = started - 86401")
            }
            _ = try await answers.once("k", owner: ada, request: [2], work.answer())
            #expect(work.count.withLock { $0 } == 2)
        }
    }

    @Test(arguments: [0, 256])
    func `needs a key of 1 to 255 characters`(_ length: Int) async throws {
        try await with { answers, _ in
            let key = String(repeating: "k", count: length)
            let refused = await refusal { try await answers.once(key, owner: ada, request: [1], Work().answer()) }
            #expect(refused?.status == 400)
        }
    }
}
