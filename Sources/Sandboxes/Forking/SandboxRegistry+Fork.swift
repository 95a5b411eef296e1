import GuestLink
import Linux
import Machines
import Records
import Snapshots
import Wire

/// Sandboxes that go on from where another one is.
///
///     processes held ─► checkpoint, in memory ─► processes go on            the parent; nothing is written to disk
///     engine started ─► becomes the checkpoint ─► record ─► resume ─► identity ─► processes go on       each child
///
/// The first engines start while the checkpoint is taken. A child's processes run only when it has its own names, token, clock
/// and randomness. What the parent's machine left in its directory each child links into its own, so it may end meanwhile.
extension SandboxRegistry {
    /// Children that are being made at the same moment; more only slow each other down.
    private static let atOnce = 4
    /// How long a guest may take to become somebody else, on a host that is busy with its brothers.
    private static let renewalLimit = Duration.seconds(60)

    /// Makes sandboxes that go on from where `parent` is now, while it goes on, too.
    ///
    /// - Throws: when the parent can not be saved; then there are no children.
    package func fork(_ parent: Sandbox, _ request: ForkRequest) async throws -> Fork {
        guard ForkRequest.counts.contains(request.count) else {
            throw SandboxError(
                .invalidRequest,
                "A sandbox is forked into \(ForkRequest.counts.lowerBound) to \(ForkRequest.counts.upperBound) at once, not "
                    + "\(request.count)"
            )
        }
        try checkOpen()
        let checkpoint = Latch<Result<HeldCheckpoint, any Error>>()
        let permits = AsyncSemaphore(Self.atOnce)
        return try await withThrowingTaskGroup(of: (Int, Result<Sandbox, any Error>).self) { group in
            for number in 0..<request.count {
                group.addTask { [self] in
                    let result = await Task.result {
                        try await permits.withPermit { try await self.child(of: parent, request, checkpoint) }
                    }
                    return (number, result)
                }
            }
            let held: HeldCheckpoint
            do {
                held = try await save(parent)
            } catch {
                checkpoint.set(.failure(error))
                // Each of them finds out and leaves nothing.
                while try await group.next() != nil {}
                throw error
            }
            checkpoint.set(.success(held))
            var children: [(number: Int, result: Result<Sandbox, any Error>)] = []
            while let child = try await group.next() { children.append(child) }
            children.sort { $0.number < $1.number }
            return Fork(children: children.map(\.result), pause: held.pause, hold: held.hold)
        }
    }

    /// The same for somebody who may lose patience; when nobody waits for the children any more, none is left.
    ///
    /// - Parameter gone: returns when the caller has gone.
    /// - Returns: nil when the caller had gone.
    package func fork(
        _ parent: Sandbox,
        _ request: ForkRequest,
        unless gone: @escaping @Sendable () async -> Void
    ) async throws -> Fork? {
        try await make(unless: gone) {
            try await self.fork(parent, request)
        } discard: { fork in
            for sandbox in fork.sandboxes { try? await kill(sandbox.id) }
        }
    }

    // MARK: The parent

    private struct HeldCheckpoint: Sendable {
        let saved: SavedMachine
        let change: MachineChange
        let pause: Duration
        let hold: Duration
    }

    private func save(_ parent: Sandbox) async throws -> HeldCheckpoint {
        let clock = ContinuousClock()
        if parent.condition == .paused, let saved = parent.record.saved { return try await open(saved, of: parent) }
        // It can not be paused meanwhile.
        let (checkpoint, begin) = try await parent.turning.withLock { [self] in
            let machine = try running(parent).machine
            return try await parent.link.holding {
                let begin = clock.now
                return (try await machine.checkpoint(), begin)
            }
        }
        let hold = clock.now - begin
        guard let change = checkpoint.saved.change, let pause = checkpoint.pause else {
            throw SandboxError(.startFailed, "The sandbox '\(parent.id)' can not be forked: its machine was not saved")
        }
        return HeldCheckpoint(saved: checkpoint.saved, change: change, pause: pause, hold: hold)
    }

    /// What was saved of a parent that rests, which it goes on doing.
    private func open(_ saved: SavedState, of parent: Sandbox) async throws -> HeldCheckpoint {
        let snapshot = try await snapshots.open(saved.snapshot)
        guard snapshot.saved.hasMemory else {
            throw SandboxError(
                .invalidRequest,
                "The sandbox '\(parent.id)' was paused with its files alone, and there is nothing to fork until it is resumed"
            )
        }
        guard let change = snapshot.saved.change else {
            throw SandboxError(.startFailed, "The sandbox '\(parent.id)' can not be forked: nothing was saved of it")
        }
        return HeldCheckpoint(saved: snapshot.saved, change: change, pause: .zero, hold: .zero)
    }

    // MARK: A child

    private func child(
        of parent: Sandbox,
        _ request: ForkRequest,
        _ checkpoint: Latch<Result<HeldCheckpoint, any Error>>
    ) async throws -> Sandbox {
        var undo = UndoStack()
        do {
            return try await child(of: parent, request, checkpoint, &undo)
        } catch {
            await undo.run()
            throw error
        }
    }

    private func child(
        of parent: Sandbox,
        _ request: ForkRequest,
        _ checkpoint: Latch<Result<HeldCheckpoint, any Error>>,
        _ undo: inout UndoStack
    ) async throws -> Sandbox {
        let owner = parent.record.owner
        try quota.enter(owner)
        undo.add { [quota] in quota.leave(owner) }
        try await beforeStep(.machine)
        let prepared = try await prepare(parent, checkpoint)
        undo.add { await prepared.discard() }

        try await beforeStep(.record)
        let id = "i\(Random.name(20))"
        let token = Secret(Random.hex(32))
        let record = parent.record.forked(
            id: id,
            machine: prepared.directory.split(separator: "/").last.map(String.init) ?? "",
            created: nextCreated(),
            lifetime: request.lifetime
        )
        try await records.insert(record, token: token)
        undo.add { [records] in try? await records.remove(id) }

        try await beforeStep(.resume)
        let machine = try await prepared.resume()

        try await beforeStep(.identity)
        let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
        undo.add { [networks] in networks.removeAuthority(of: id) }
        await introduceAuthorityIfItCan(of: record, below: parent.id, over: GuestLink(line, token: parent.token))
        try await renew(line, id, token, from: parent.token, machine)

        let stay = Stay(in: machine)
        let sandbox = Sandbox(record: record, template: parent.template, stay: stay, line: line, token: token)
        // Its agent is in the same session as its brothers' until it has forgotten that.
        if parent.agent.isThere { sandbox.agent.arrive(hasRehearsed: false) }
        try await beforeStep(.tunnels)
        openTunnels(of: sandbox, stay)
        undo.add { [networks] in
            await sandbox.stop(.startFailed)
            networks.remove(id)
        }
        try await beforeStep(.done)
        try adopt(sandbox)
        watch(sandbox, stay)
        audits.noteCreation(of: record, from: parent.id)
        return sandbox
    }

    /// An engine that is about to go on as the parent was.
    private func prepare(
        _ parent: Sandbox,
        _ checkpoint: Latch<Result<HeldCheckpoint, any Error>>
    ) async throws -> any PreparedMachine {
        try Files.makeDirectory(home.machines)
        let directory = "\(home.machines)/f\(Random.name(12))"
        // A template that was built anew is still under its sandboxes, but can not be prepared by its name any more.
        guard checkpoint.current == nil,
            let template = try? templates.build(parent.record.buildID, name: parent.record.template)
        else { return try await engine.prepare(try await checkpoint.value().get().saved, in: directory) }
        let prepared = try await engine.prepare(template.saved, in: directory)
        do {
            try await prepared.become(try await checkpoint.value().get().change)
            return prepared
        } catch {
            await prepared.discard()
            throw error
        }
    }

    /// Makes a guest that was saved as the parent the sandbox `id`; who has the parent's token knows nothing of it.
    private func renew(
        _ line: GuestLine,
        _ id: String,
        _ token: Secret,
        from parent: Secret,
        _ machine: any Machine
    ) async throws {
        do {
            _ = try await withDeadline(Self.renewalLimit) {
                try await line.renew(GuestIdentity(fork: id, token: token), token: parent)
            }
        } catch {
            throw SandboxError(
                .startFailed,
                "The guest of sandbox '\(id)', a fork, did not take its identity; its console ends: "
                    + "\(machine.consoleTail().suffix(300))",
                cause: error
            )
        }
    }
}

extension Task where Success == Never, Failure == Never {
    /// What came of `body`, in this task.
    fileprivate static func result<Value: Sendable>(
        _ body: () async throws -> Value
    ) async -> Result<Value, any Error> {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}
