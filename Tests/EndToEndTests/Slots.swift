import Linux

/// Machines at once, for all tests together: more are only slower.
///
/// Whoever has one may ask again, by a fixture that takes one too: it has what it needs. Were it to wait for another, a few
/// such tests could hold all slots and wait for ever.
struct Slots: Sendable {
    @TaskLocal private static var isHeld = false

    private let count: Int
    private let permits: AsyncSemaphore
    /// Whoever takes most slots takes them one by one; two at once would each have some, and wait for the rest.
    private let turn = AsyncSemaphore(1)

    init(_ count: Int) {
        self.count = count
        permits = AsyncSemaphore(count)
    }

    func withPermit<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        if Self.isHeld { return try await body() }
        return try await permits.withPermit { try await Self.$isHeld.withValue(true) { try await body() } }
    }

    /// For programs that give up when they are slowed down: one other test at most runs beside them.
    func withMost<Result: Sendable>(_ body: @Sendable () async throws -> Result) async throws -> Result {
        precondition(!Self.isHeld, "a test that has a slot asks for most")
        return try await turn.withPermit {
            var held = 0
            defer { for _ in 0..<held { permits.give() } }
            while held < count - 1 {
                try await permits.take()
                held += 1
            }
            return try await Self.$isHeld.withValue(true) { try await body() }
        }
    }
}
