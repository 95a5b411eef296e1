import Access
import FoundationEssentials
import Sandboxes

/// Snapshots: machines that were put aside as they were at one instant, memory and all. Each is a fork that rests, and is forked
/// itself, without being woken, when a machine is made from it. So it needs neither its source nor the machines that came of it.
extension VirtualMachines {
    /// The snapshot that is called so, by id or slug.
    func snapshot(_ name: String, _ caller: Caller) throws -> VM {
        let all = snapshots(caller)
        guard let found = all.first(where: { $0.id == name }) ?? all.first(where: { $0.record.slug == name }) else {
            throw FreestyleError.noSnapshot(name)
        }
        return found
    }

    /// Puts a machine aside as it is now; it goes on.
    func takeSnapshot(of vm: VM, _ wishes: SnapshotWishes) async throws -> VM {
        try await records.reserving(wishes.slug, of: vm.record.owner, isSnapshot: true, takingAway: false) {
            let fork = try await sandboxes.fork(vm.sandbox, ForkRequest())
            guard let made = fork.children.first else { throw FreestyleError.noVM(vm.id) }
            let sandbox = try made.get()
            // Until it rests it is nobody's: after a failure, or the daemon's end, it is not to be taken for a machine.
            var record = VMRecord(sandbox.record)
            record.source = vm.id
            record.snapshot = vm.record.snapshot
            record.isStopped = vm.record.isStopped
            record.slug = wishes.slug
            record.displayName = wishes.displayName
            record.limits = wishes.limits
            let snapshot = try await adopt(sandbox, record)
            do { return try await rest(snapshot) } catch {
                try? await delete(snapshot)
                throw error
            }
        }
    }

    private func rest(_ snapshot: VM) async throws -> VM {
        try await sandboxes.pause(snapshot.sandbox)
        return try note(snapshot)
    }

    /// The same as it is now.
    private func note(_ snapshot: VM) throws -> VM {
        guard let now = vm(snapshot.sandbox) else { throw FreestyleError.noSnapshot(snapshot.id) }
        return now
    }

    /// Takes note that a machine is made from a snapshot: that it is unused is counted from now.
    func noteUse(of snapshot: VM) async throws {
        guard var record = records[snapshot.id], record.limits.autoDelete != nil else { return }
        record.updated = Date()
        try await records.put(record)
        watch(snapshot.id)
    }
}
