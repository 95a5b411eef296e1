import Access
import FoundationEssentials
import Sandboxes
import Synchronization

/// All machines: the sandboxes of the installation, with what this API knows of them.
final class VirtualMachines: Sendable {
    let sandboxes: SandboxRegistry
    let records: VMRecords
    private let activity = Mutex<[String: Date]>([:])

    init(_ sandboxes: SandboxRegistry, _ records: VMRecords) {
        self.sandboxes = sandboxes
        self.records = records
    }

    // MARK: Finding

    /// The machine of a request's path, by id or slug, if its caller may know of it.
    func find(_ request: Request) throws -> VM {
        try find(request["vm"], request.caller)
    }

    func find(_ name: String, _ caller: Caller) throws -> VM {
        let sandbox =
            sandboxes.sandbox(exactly: name)
            ?? records.id(of: name, caller).flatMap { sandboxes.sandbox(exactly: $0) }
        guard let sandbox, caller.sees(sandbox.record.owner) else { throw FreestyleError.noVM(name) }
        return vm(sandbox)
    }

    /// The same for a request that does something in the machine, which counts as activity.
    func use(_ request: Request) throws -> VM {
        let vm = try find(request)
        activity.withLock { $0[vm.id] = Date() }
        return vm
    }

    /// All that a caller may know of, the oldest first.
    func all(_ caller: Caller) -> [VM] {
        sandboxes.list().filter { $0.isRunning && caller.sees($0.record.owner) }.map(vm)
    }

    private func vm(_ sandbox: Sandbox) -> VM {
        let record = records[sandbox.id] ?? VMRecord(sandbox.record)
        return VM(sandbox: sandbox, record: record, lastActivity: activity.withLock { $0[sandbox.id] })
    }

    // MARK: Making and ending

    /// Makes a machine and writes down what this API knows of it; if that fails, there is none.
    ///
    /// - Parameter record: makes the record of a sandbox that has just been made.
    func create(
        _ new: NewSandbox,
        slug: String?,
        takingSlugAway: Bool = false,
        _ record: @Sendable (SandboxRecord) -> VMRecord
    ) async throws -> VM {
        try await forgetEnded()
        return try await records.reserving(slug, of: new.owner, takingAway: takingSlugAway) {
            let sandbox = try await sandboxes.create(new)
            return try await adopt(sandbox, record(sandbox.record), takingSlugAway: takingSlugAway)
        }
    }

    /// Writes down what this API knows of a sandbox that has just been made, or ends it if that fails.
    func adopt(_ sandbox: Sandbox, _ record: VMRecord, takingSlugAway: Bool = false) async throws -> VM {
        do {
            try await records.put(record, takingSlugAway: takingSlugAway)
            return vm(sandbox)
        } catch {
            try? await sandboxes.kill(sandbox.id)
            throw error
        }
    }

    func delete(_ vm: VM) async throws {
        try await sandboxes.kill(vm.id)
        try await forget([vm.id])
    }

    /// Forgets what is known of machines that have ended by themselves, or by other hands.
    private func forgetEnded() async throws {
        let living = Set(sandboxes.list().map(\.id))
        try await forget(records.ids.subtracting(living))
    }

    private func forget(_ ids: Set<String>) async throws {
        try await records.forget(ids)
        activity.withLock { activity in
            for id in ids { activity[id] = nil }
        }
    }
}
