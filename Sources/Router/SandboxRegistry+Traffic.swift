import Sandboxes

extension SandboxRegistry {
    /// What a sandbox lives at least that was resumed by traffic: whoever wants to reach it was not asked for how long.
    private static var leastLifetime: Double { 300 }

    /// Lets a sandbox go on that somebody wants to reach, if it was made so; waits for one that is on its way to rest or back.
    func wakeForTraffic(_ sandbox: Sandbox) async throws {
        guard sandbox.record.lifecycle.resumesOnTraffic else { return try await sandbox.settled() }
        do {
            let record = sandbox.record
            let lifetime = Duration.seconds(max(record.lifetime ?? 0, Self.leastLifetime))
            try await resume(sandbox, living: record.ends == nil ? .asBefore : .anew(lifetime))
        } catch let error as SandboxError where error.code == .ended {
            throw Refusal.notFound(sandbox.id)
        } catch {
            throw Refusal.stuck(sandbox.id)
        }
    }
}
