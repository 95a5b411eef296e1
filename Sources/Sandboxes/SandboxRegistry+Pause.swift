import FoundationEssentials
import GuestLink
import Linux
import Machines
import Snapshots
import Synchronization
import Wire

/// Sandboxes that come to rest and go on.
///
///     pause    guest's last words ─► processes held ─► machine stands ─► snapshot on disk ─► record: paused ─► machine destroyed, older snapshot gone
///     resume   snapshot checked ─► machine ─► clock, entropy ─► record: running ─► tunnels, deadline
///
/// Of a sandbox that was paused without its memory the disk is saved, with all that was written to it, and the machine is booted:
/// `SandboxRegistry+Reboot`.
///
/// The records are the points of no return. Before the first, a daemon that starts again finds the machine and lets it go on;
/// behind it, what is left of the machine is ended. Likewise the other way. The snapshot is kept while the sandbox goes on, until
/// there is a newer one: a machine that is lost takes with it only what was not saved.
extension SandboxRegistry {
    /// How long a guest may take to find out that it goes on.
    private static let renewalLimit = Duration.seconds(20)
    /// And until its processes stand still.
    private static let holdLimit = Duration.seconds(3)
    /// And until its disk has all that they have written, too.
    static let writeLimit = Duration.seconds(60)

    /// Saves a sandbox as it is and ends its machine.
    ///
    /// Once begun it is brought to its end: a guest must not stand still because somebody lost interest.
    ///
    /// - Parameter keepingMemory: false saves its files alone, and its processes end.
    /// - Throws: ``SandboxError/Code/paused`` when it rests already, ``SandboxError/Code/pauseFailed`` or
    ///   ``SandboxError/Code/noSpace`` when it goes on instead, ``SandboxError/Code/ended``.
    package func pause(_ sandbox: Sandbox, keepingMemory: Bool = true) async throws {
        try await Task { [self] in
            try await sandbox.turning.withLock { try await putToRest(sandbox, keepingMemory) }
        }.value
    }

    /// Lets a paused sandbox go on; one that is about to be paused is waited for.
    ///
    /// - Parameter usingMemory: false has it booted on its disk also where its memory was saved, with all that its processes had
    ///   written by then.
    /// - Returns: false, and nothing done, when it runs.
    /// - Throws: ``SandboxError/Code/resumeFailed`` when it rests as before, ``SandboxError/Code/ended``.
    @discardableResult
    package func resume(
        _ sandbox: Sandbox,
        living lifetime: ResumedLifetime = .asBefore,
        usingMemory: Bool = true
    ) async throws -> Bool {
        try await Task { [self] in
            try await sandbox.turning.withLock {
                let hasMemory = sandbox.record.saved?.hasMemory ?? true
                let wasPaused = try await wake(sandbox, lifetime)
                guard wasPaused, hasMemory, !usingMemory else { return wasPaused }
                // What they had written is in the memory that was saved, and not on the disk.
                try await putToRest(sandbox, false)
                return try await wake(sandbox, lifetime)
            }
        }.value
    }

    // MARK: To rest

    private func putToRest(_ sandbox: Sandbox, _ keepsMemory: Bool) async throws {
        let previous = sandbox.record.saved
        let stay: Stay
        switch sandbox.change({ $0.pause() }) {
        case .begun(let begun): stay = begun
        case .notRunning: throw SandboxError(.paused, "The sandbox '\(sandbox.id)' is already paused")
        case .tooLate: throw tooLate(sandbox)
        }
        let name = "\(sandbox.id).\(Random.name(8))"
        do {
            let saved = try await save(sandbox, stay, as: name, keepsMemory)
            try await beforeTurn(.rest)
            guard sandbox.change({ $0.rest(as: saved) }) else { throw tooLate(sandbox) }
            try await records.update(sandbox)
        } catch {
            try? await snapshots.remove(name)
            try await goOn(sandbox, stay, having: previous, after: error)
        }
        sandbox.setWatch(nil)
        sandbox.line.leadNowhere()
        stay.end(.paused)
        await stay.machine.destroy()
        if let previous { try? await snapshots.remove(previous.snapshot) }
        await archive.keep(RestingNotes(sandbox), of: sandbox.id)
    }

    private func save(_ sandbox: Sandbox, _ stay: Stay, as name: String, _ keepsMemory: Bool) async throws -> SavedState
    {
        async let samples = sandbox.samples()
        await sandbox.readLast()
        let last = (try? await samples) ?? []
        sandbox.restingSamples.withLock { $0 = last }
        try await beforeTurn(.suspend)
        let setting = keepsMemory ? nil : try await setting(of: sandbox)
        let checkpoint = try await suspend(sandbox, stay, writesDisk: !keepsMemory)
        try await beforeTurn(.save)
        let manifest = try await snapshots.save(
            keepsMemory ? checkpoint.saved : checkpoint.saved.withoutMemory,
            as: name,
            origin: sandbox.template.origin,
            attachment: setting
        )
        return SavedState(snapshot: name, at: manifest.created, hasMemory: keepsMemory)
    }

    /// Lets the machine stand still, with its processes held: when it goes on they do so once there is new randomness and the
    /// time is right, and not a moment before.
    ///
    /// - Parameter writesDisk: whether the disk is to have all that they have written; a guest that does not answer is not saved
    ///   then.
    private func suspend(_ sandbox: Sandbox, _ stay: Stay, writesDisk: Bool) async throws -> Checkpoint {
        let isHeld = Mutex(false)
        let limit = writesDisk ? Self.writeLimit : Self.holdLimit
        do {
            return try await sandbox.link.holding(within: limit, writesDisk: writesDisk) {
                isHeld.withLock { $0 = true }
                return try await stay.machine.suspend()
            }
        } catch let error {
            guard !isHeld.withLock({ $0 }), !writesDisk, stay.machine.ended.current == nil else { throw error }
            // A guest that does not answer is saved all the same.
            return try await stay.machine.suspend()
        }
    }

    /// A sandbox that could not be saved runs as if nothing had been.
    private func goOn(
        _ sandbox: Sandbox,
        _ stay: Stay,
        having previous: SavedState?,
        after error: any Error
    ) async throws -> Never {
        guard sandbox.change({ $0.goOn(in: stay, having: previous) }) else {
            // It ends. Whoever ends it has ended this machine, unless it looked to be at rest just then.
            await stay.machine.destroy()
            throw tooLate(sandbox)
        }
        // A machine that is lost is found by who watches it.
        try? await stay.machine.unpause()
        throw SandboxError(
            error.isLackOfSpace ? .noSpace : .pauseFailed,
            "The sandbox '\(sandbox.id)' could not be paused, and goes on",
            cause: error
        )
    }

    // MARK: From rest

    private func wake(_ sandbox: Sandbox, _ lifetime: ResumedLifetime) async throws -> Bool {
        let saved: SavedState
        switch sandbox.change({ $0.resume() }) {
        case .begun(let begun): saved = begun
        case .notPaused: return false
        case .tooLate: throw tooLate(sandbox)
        }
        do {
            try await goOn(sandbox, from: saved, lifetime)
            return true
        } catch {
            sandbox.change { $0.restAgain() }
            if case .ended? = (error as? SandboxError)?.code { throw error }
            throw SandboxError(
                error.isLackOfSpace ? .noSpace : .resumeFailed,
                "The sandbox '\(sandbox.id)' could not be resumed, and rests as before",
                cause: error
            )
        }
    }

    private func goOn(_ sandbox: Sandbox, from saved: SavedState, _ lifetime: ResumedLifetime) async throws {
        try await beforeTurn(.open)
        let snapshot = try await snapshots.open(saved.snapshot)
        try await beforeTurn(.prepare)
        let boot = Reboot(snapshot)
        let machine =
            if let boot { try await start(boot) } else { try await pool.start(from: snapshot.saved) }
        let stay = Stay(in: machine)
        do {
            try await beforeTurn(.identity)
            sandbox.line.lead(to: machine.agentAddress, takesMany: machine.takesManyConnections)
            if let boot {
                try await settle(sandbox, stay, boot)
            } else {
                await introduceAuthorityIfItCan(of: sandbox.record, over: sandbox.link)
                try await tell(sandbox, console: machine)
            }
            try await beforeTurn(.wake)
            let name = stay.machineName
            guard sandbox.change({ $0.wake(in: stay, named: name, living: lifetime, from: Date()) }) else {
                throw tooLate(sandbox)
            }
            do {
                try await records.update(sandbox)
            } catch {
                _ = sandbox.change { $0.lose(stay) }
                throw error
            }
        } catch {
            stay.end(.paused)
            sandbox.line.leadNowhere()
            await machine.destroy()
            throw error
        }
        archive.removeNotes(of: sandbox.id)
        if boot == nil { attend(sandbox, stay) } else { watch(sandbox, stay) }
    }

    /// Tells a guest that it goes on: what time it is now, and randomness that nobody else who goes on from there has.
    private func tell(_ sandbox: Sandbox, console machine: any Machine) async throws {
        var identity = GuestIdentity(id: sandbox.id, token: sandbox.token, template: sandbox.template, environment: [:])
        identity.renewal = .resume
        do {
            let (line, token, news) = (sandbox.line, sandbox.token, identity)
            _ = try await withDeadline(Self.renewalLimit) { try await line.renew(news, token: token) }
        } catch {
            throw SandboxError(
                .startFailed,
                "The guest does not answer; its console ends: \(machine.consoleTail().suffix(300))",
                cause: error
            )
        }
    }

    // MARK: Machines that end by themselves

    /// What is to be done when a machine has ended that nobody ended.
    func lost(_ sandbox: Sandbox, _ stay: Stay) async {
        let loss = try? await sandbox.turning.withLock { [self] in
            let loss = sandbox.change { $0.lose(stay) }
            guard loss == .rests else { return loss }
            sandbox.setWatch(nil)
            sandbox.line.leadNowhere()
            stay.end(.paused)
            await stay.machine.destroy()
            // If it can not be written, the next daemon finds no machine, and the same out.
            try? await records.update(sandbox)
            logRollback(of: sandbox.record)
            return loss
        }
        if loss == .ends { await end(sandbox, .machineEnded) }
    }

    func logRollback(of record: SandboxRecord) {
        guard let saved = record.saved else { return }
        let time = saved.at.formatted(.iso8601)
        log("sandbox \(record.id): its machine ended by itself; it is paused as it was saved at \(time)")
    }
}

extension Error {
    /// Whether it came of a full disk.
    fileprivate var isLackOfSpace: Bool {
        switch self {
        case let error as SnapshotError: error.code == .noSpace
        case let error as MachineError: error.code == .noSpace
        case let error as LinuxError: error.code == .noSpace
        default: false
        }
    }
}

extension TemplateManifest {
    /// What a snapshot says of where it came from.
    package var origin: SnapshotManifest.Origin {
        SnapshotManifest.Origin(
            template: name,
            buildID: buildID,
            kernel: contents["kernel"] ?? "",
            guestGeneration: guestGeneration
        )
    }
}
