import Synchronization

/// What a signal does to the command that runs: it is ended, unless it has asked to be told first.
package final class Interrupts: Sendable {
    /// Takes a signal; false lets it end the command. Called on a thread that must not wait.
    package typealias Handler = @Sendable (Int32) -> Bool

    /// Those of this process.
    package static let shared = Interrupts()

    private let handler = Mutex<Handler?>(nil)

    package init() {}

    /// Tells `handler` about signals until `body` has ended.
    package func handled<Result>(
        by handler: @escaping Handler,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        self.handler.withLock { $0 = handler }
        defer { self.handler.withLock { $0 = nil } }
        return try await body()
    }

    /// Offers a signal to the command; false when it is to end.
    package func take(_ signal: Int32) -> Bool {
        handler.withLock { $0 }?(signal) ?? false
    }
}
