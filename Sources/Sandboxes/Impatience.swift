/// Makes something for somebody who may lose patience; of what nobody waits for any more, nothing is left.
///
/// - Parameters:
///   - gone: returns when the caller has gone.
///   - discard: ends what was made at the very moment when the caller went.
/// - Returns: nil when the caller had gone.
func make<Made: Sendable>(
    unless gone: @escaping @Sendable () async -> Void,
    _ make: @escaping @Sendable () async throws -> Made,
    discard: (Made) async -> Void
) async throws -> Made? {
    try await withThrowingTaskGroup(of: Made?.self) { group in
        group.addTask { try await make() }
        group.addTask {
            await gone()
            return nil
        }
        defer { group.cancelAll() }
        if let first = try await group.next(), let made = first { return made }
        group.cancelAll()
        while let rest = try? await group.next() {
            if let made = rest { await discard(made) }
        }
        return nil
    }
}
