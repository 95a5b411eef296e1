import Linux
import RPC
import Wire

/// A hold on a sandbox by somebody who may go away without a word: it ends soon after nobody renews it.
struct Lease: Sendable {
    let daemon: DaemonConnection
    let sandbox: String
    /// How long the sandbox outlives its last renewal.
    let length: Duration

    /// Keeps the sandbox alive while `body` runs.
    func held<Result: Sendable>(_ body: @Sendable @escaping () async throws -> Result) async throws -> Result {
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
    func extend(to lifetime: Duration?) async throws {
        let request = SetSandboxLifetime.Request(id: sandbox, lifetime: lifetime.map { $0 / .seconds(1) })
        _ = try await daemon.client.call(SetSandboxLifetime.self, request)
    }

    /// Ends the sandbox, also when the caller is being cancelled; one that can not be ended now ends by itself.
    func end() async {
        await Task {
            let reference = SandboxReference(id: sandbox)
            _ = try? await withDeadline(.seconds(20)) { try await daemon.client.call(KillSandbox.self, reference) }
        }.value
    }
}
