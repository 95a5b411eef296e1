import FoundationEssentials
import GuestLink
import Linux
import Machines
import Snapshots
import Wire

/// Sandboxes that are saved while they run, and what is saved while nobody needs it.
extension SandboxRegistry {
    /// After which what rests is stored in less space: it costs a processor's time, and some at the resume.
    private static let restBeforeCompression = 60.0

    // MARK: While it runs

    /// Saves a sandbox that goes on: what was saved is what is left of it when its machine is lost.
    ///
    /// - Throws: ``SandboxError`` when it does not run.
    package func checkpoint(_ sandbox: Sandbox) async throws {
        // Once begun it is brought to its end, as a pause is.
        try await Task { [self] in
            try await sandbox.turning.withLock { [self] in
                let machine = try running(sandbox).machine
                let name = "\(sandbox.id).\(Random.name(8))"
                let checkpoint = try await sandbox.link.holding { try await machine.checkpoint() }
                let manifest = try await snapshots.save(checkpoint.saved, as: name, origin: sandbox.template.origin)
                let saved = SavedState(snapshot: name, at: manifest.created)
                let previous = sandbox.record.saved
                guard sandbox.change({ $0.keep(saved) }) else {
                    try? await snapshots.remove(name)
                    throw tooLate(sandbox)
                }
                // If it can not be written, the next daemon knows the one before, which is there until it can.
                try await records.update(sandbox)
                if let previous { try? await snapshots.remove(previous.snapshot) }
            }
        }.value
    }

    /// Begins to save a sandbox as often as it asked for, until the stay ends.
    func saveNowAndThen(_ sandbox: Sandbox, _ stay: Stay) {
        guard let interval = sandbox.record.checkpointInterval else { return }
        // The task's owner is the stay: it ends with it.
        Task(executorPreference: EventLoop.shared) { [weak self, weak sandbox] in
            while stay.ending.current == nil {
                let isOver = try? await withDeadline(.seconds(interval)) { try await stay.ending.value() }
                guard isOver == nil, let self, let sandbox else { return }
                do {
                    try await checkpoint(sandbox)
                } catch let error as SandboxError where error.code == .paused || error.code == .ended {
                    return
                } catch {
                    log("sandbox \(sandbox.id): it could not be saved while it runs: \(error)")
                }
            }
        }
    }

    // MARK: While it rests

    /// Stores in less space what has rested for a while, one after the other, until it is cancelled.
    package func compressIdle() async throws {
        var done: Set<String> = []
        while true {
            try await Task.sleep(for: .seconds(Self.restBeforeCompression / 4))
            for id in (try? await idle()) ?? [] where !done.contains(id) {
                try Task.checkCancellation()
                // One that is gone meanwhile, or can not be compressed, is as good as it was.
                try? await snapshots.compress(id)
                done.insert(id)
            }
        }
    }

    private func idle() async throws -> [String] {
        let limit = Date(timeIntervalSinceNow: -Self.restBeforeCompression)
        let resting = list().filter { $0.condition == .paused }.compactMap(\.record.saved).filter { $0.at < limit }
        let named = try await namedSnapshots(of: nil).filter { $0.created < limit }
        return resting.map(\.snapshot) + named.map(\.id)
    }
}
