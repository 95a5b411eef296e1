import FoundationEssentials
import Linux
import Wire

/// The ends of sandboxes: they may be moved at any time, and are kept to within milliseconds.
extension SandboxRegistry {
    /// How long a wait goes on before the host's clock is looked at again: it may have been set.
    private static let longestWait = 10.0
    /// After which a pause that failed is tried again.
    private static let timeToRetry = 30.0

    /// Lets a sandbox live for `lifetime` from now, be that longer or shorter than before; with nothing left it ends now.
    ///
    /// - Parameter lifetime: nil leaves its end to a request.
    /// - Throws: ``SandboxError/Code/ended`` when it is ending already, ``SandboxError/Code/paused`` when it rests.
    package func setLifetime(of sandbox: Sandbox, to lifetime: Duration?) async throws {
        guard let lifetime, lifetime <= .zero else {
            return try await move(sandbox) { $0.live(lifetime.map { $0 / .seconds(1) }, from: Date()) }
        }
        switch sandbox.change({ $0.moveEnd { _ in Date() } }) {
        case .moved, .unchanged: break
        case .resting: throw resting(sandbox)
        case .tooLate: throw tooLate(sandbox)
        }
        // Nobody else is set to wait for it: whoever asked is to find it gone.
        await expire(sandbox)
    }

    /// Lets a sandbox live for at least `lifetime` from now.
    ///
    /// - Throws: as ``setLifetime(of:to:)``.
    package func extendLifetime(of sandbox: Sandbox, to lifetime: Duration) async throws {
        let ends = Date(timeIntervalSinceNow: lifetime / .seconds(1))
        try await move(sandbox) { $0.moveEnd { $0.map { max($0, ends) } } }
    }

    private func move(_ sandbox: Sandbox, _ change: (inout SandboxLife<Stay>) -> SandboxLife<Stay>.Move) async throws {
        switch sandbox.change(change) {
        case .unchanged: break
        case .resting: throw resting(sandbox)
        case .tooLate: throw tooLate(sandbox)
        case .moved:
            watchDeadline(of: sandbox)
            try await records.update(sandbox)
            audits.noteEnd(of: sandbox.record)
        }
    }

    func tooLate(_ sandbox: Sandbox) -> SandboxError {
        SandboxError(.ended, "The sandbox '\(sandbox.id)' is ending")
    }

    /// The stay of a sandbox that must run.
    func running(_ sandbox: Sandbox) throws(SandboxError) -> Stay {
        guard sandbox.isRunning, let stay = sandbox.stay else {
            throw sandbox.condition == nil ? tooLate(sandbox) : resting(sandbox)
        }
        return stay
    }

    func resting(_ sandbox: Sandbox) -> SandboxError {
        SandboxError(.paused, "The sandbox '\(sandbox.id)' is paused; 'martlet sandbox resume' lets it go on")
    }

    /// Does what is to be done when a sandbox's time is over, if it is.
    ///
    /// - Returns: whether the sandbox has ended, or rests.
    @discardableResult
    private func expire(_ sandbox: Sandbox) async -> Bool {
        if let limit = sandbox.record.lifecycle.idleLimit, let idle = sandbox.idleTime, idle >= .seconds(limit),
            sandbox.condition == .running
        {
            return await pauseWhenDue(sandbox) { sandbox.use.note() }
        }
        switch sandbox.record.lifecycle.onTimeout {
        case .kill:
            switch await sandbox.expire() {
            case .begun: await forget(sandbox, .expired)
            case .underWay: break
            case .notDue: return false
            }
            return true
        case .pause:
            guard sandbox.condition == .running else { return true }
            guard sandbox.change({ $0.isDue(at: Date()) }) else { return false }
            return await pauseWhenDue(sandbox) {
                _ = sandbox.change { $0.moveEnd { _ in Date(timeIntervalSinceNow: Self.timeToRetry) } }
            }
        }
    }

    /// Nothing of a sandbox that is to be kept is lost because it can not be paused at the moment.
    private func pauseWhenDue(_ sandbox: Sandbox, orElse putOff: () -> Void) async -> Bool {
        do {
            try await pause(sandbox, keepingMemory: sandbox.record.lifecycle.keepsMemory)
        } catch let error as SandboxError where error.code == .paused || error.code == .ended {
            // Somebody else was faster.
        } catch {
            log("sandbox \(sandbox.id): its time is over, and it could not be paused: \(error)")
            putOff()
            watchDeadline(of: sandbox)
        }
        return true
    }

    /// Begins to wait for a sandbox's end, in place of whoever waited for an earlier one.
    func watchDeadline(of sandbox: Sandbox) {
        // The task's owner is the sandbox, which ends it with itself.
        sandbox.setWatch(
            Task(executorPreference: EventLoop.shared) { [weak self, weak sandbox] in
                // Looked up anew each time: held over the wait, a sandbox would outlive its end.
                while let left = sandbox?.secondsLeft {
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
