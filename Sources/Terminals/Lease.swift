import Linux
import RPC
import Wire

/// A hold on a sandbox by somebody who may go away without a word: it ends soon after nobody renews it.
package struct Lease: Sendable {
    /// Reaches the daemon.
    private let client: CallClient
    private let sandbox: String
    /// How long the sandbox outlives its last renewal.
    private let length: Duration

    package init(_ client: CallClient, sandbox: String, length: Duration) {
        self.client = client
        self.sandbox = sandbox
        self.length = length
    }

    /// Keeps the sandbox alive while `body` runs.
    package func held<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                while true {
                    try await EventLoop.shared.sleep(for: length / 6)
                    // A renewal may fail, the next one may not; that the sandbox is gone is for `body` to find.
                    try? await extend(to: length)
                }
            }
            defer { group.cancelAll() }
            while let result = try await group.next() {
                if let result { return result }
            }
            throw CancellationError()
        }
    }

    /// Gives the sandbox that much time from now; nil is without end.
    package func extend(to lifetime: Duration?) async throws {
        let request = SetSandboxLifetime.Request(id: sandbox, lifetime: lifetime.map { $0 / .seconds(1) })
        _ = try await client.call(SetSandboxLifetime.self, request)
    }

    /// Ends the sandbox, also when the caller is being cancelled; one that can not be ended now ends by itself.
    package func end() async {
        await Task {
            let reference = SandboxReference(id: sandbox)
            _ = try? await withDeadline(.seconds(20)) { try await client.call(KillSandbox.self, reference) }
        }.value
    }
}
