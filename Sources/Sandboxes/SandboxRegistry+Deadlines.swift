import FoundationEssentials
import Linux

/// The ends of sandboxes: they may be moved at any time, and are kept to within milliseconds.
extension SandboxRegistry {
    /// How long a wait goes on before the host's clock is looked at again: it may have been set.
    private static let longestWait = 10.0

    /// Lets a sandbox live for `lifetime` from now, be that longer or shorter than before; with nothing left it ends now.
    ///
    /// - Parameter lifetime: nil leaves its end to a request.
    /// - Throws: ``SandboxError/Code/ended`` when it is ending already.
    package func setLifetime(of sandbox: Sandbox, to lifetime: Duration?) async throws {
        guard let lifetime, lifetime <= .zero else {
            return try await move(sandbox) { _ in lifetime.map { Date(timeIntervalSinceNow: $0 / .seconds(1)) } }
        }
        guard sandbox.moveEnd({ _ in Date() }) != .tooLate else { throw tooLate(sandbox) }
        // Nobody else is set to wait for it: whoever asked is to find it gone.
        await expire(sandbox)
    }

    /// Lets a sandbox live for at least `lifetime` from now.
    ///
    /// - Throws: ``SandboxError/Code/ended`` when it is ending already.
    package func extendLifetime(of sandbox: Sandbox, to lifetime: Duration) async throws {
        let ends = Date(timeIntervalSinceNow: lifetime / .seconds(1))
        try await move(sandbox) { $0.map { max($0, ends) } }
    }

    private func move(_ sandbox: Sandbox, _ change: (Date?) -> Date?) async throws {
        switch sandbox.moveEnd(change) {
        case .unchanged: break
        case .tooLate: throw tooLate(sandbox)
        case .moved:
            watchDeadline(of: sandbox)
            try await records.update(sandbox)
        }
    }

    private func tooLate(_ sandbox: Sandbox) -> SandboxError {
        SandboxError(.ended, "The sandbox '\(sandbox.id)' is ending")
    }

    /// Does what is to be done when a sandbox's time is over, if it is.
    ///
    /// - Returns: whether the sandbox has ended.
    @discardableResult
    private func expire(_ sandbox: Sandbox) async -> Bool {
        switch sandbox.record.lifecycle.onTimeout {
        // Nothing can be paused yet, and no create that asks for it is accepted.
        case .kill, .pause:
            switch await sandbox.expire() {
            case .begun: await forget(sandbox, .expired)
            case .underWay: break
            case .notDue: return false
            }
        }
        return true
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
                        guard let self, let sandbox, await !expire(sandbox) else { return }
                        continue
                    }
                    let wait = Duration.seconds(min(left, Self.longestWait))
                    guard (try? await EventLoop.shared.sleep(for: wait)) != nil else { return }
                }
            }
        )
    }
}
