import HTTP
import Wire

/// An answer that goes on: one JSON document a line.
struct EventLines: Sendable {
    private let body: BodyWriter

    init(_ exchange: Exchange) throws {
        body = try exchange.start(200, ["Content-Type": "application/x-ndjson", "Cache-Control": "no-store"])
    }

    /// Lets the client know that it began, before there is anything to tell.
    func begin() async throws { try await body.flush() }

    func send(_ document: JSONValue) async throws { try await body.write(document.encoded() + [0x0A]) }

    func end() async throws { try await body.finish() }

    /// Runs `work` as long as its client is there.
    static func whileWanted(_ exchange: Exchange, _ work: @Sendable @escaping () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await work() }
            group.addTask { try await exchange.clientGone() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
