import FoundationEssentials
import Linux

/// The ends of sandboxes: they may be moved at any time, and are kept to within milliseconds.
extension SandboxRegistry {
    /// How long a wait goes on before the host's clock is looked at again: it may have been set.
    private static let longestWait = 10.0

    /// Lets a sandbox live for `lifetime` from now, be that longer or shorter than before; with nothing left it ends now.
    ///
    /// - Parameter lifetime: nil leaves its end to a request.
    package func setLifetime(of sandbox: Sandbox, to lifetime: Duration?) async throws {
        if let lifetime, lifetime <= .zero { return await expire(sandbox) }
        try await move(sandbox) { _ in lifetime.map { Date(timeIntervalSinceNow: $0 / .seconds(1)) } }
    }

    /// Lets a sandbox live for at least `lifetime` from now.
    package func extendLifetime(of sandbox: Sandbox, to lifetime: Duration) async throws {
        let ends = Date(timeIntervalSinceNow: lifetime / .seconds(1))
        try await move(sandbox) { $0.map { max($0, ends) } }
    }

    /// Does what is to be done when a sandbox's time is over.
    private func expire(_ sandbox: Sandbox) async {
        switch sandbox.record.lifecycle.onTimeout {
        // Nothing can be paused yet, and no create that asks for it is accepted.
        case .kill, .pause: await end(sandbox, .expired)
        }
    }

    private func move(_ sandbox: Sandbox, _ change: (Date?) -> Date?) async throws {
        guard sandbox.moveEnd(change) else { return }
        watchDeadline(of: sandbox)
        try await records.update(sandbox)
    }

    /// Begins to wait for a sandbox's end, in place of whoever waited for an earlier one.
    func watchDeadline(of sandbox: Sandbox) {
        // The task's owner is the sandbox, which ends it with itself.
        sandbox.setWatch(
            Task(executorPreference: EventLoop.shared) { [weak self, weak sandbox] in
                // Looked up anew each time: held over the wait, a sandbox would outlive its end.
                while let ends = sandbox?.record.ends {
                    let left = ends.timeIntervalSinceNow
                    if left <= 0 {
                        if let self, let sandbox { await expire(sandbox) }
                        return
                    }
                    let wait = Duration.seconds(min(left, Self.longestWait))
                    guard (try? await EventLoop.shared.sleep(for: wait)) != nil else { return }
                }
            }
        )
    }
}
