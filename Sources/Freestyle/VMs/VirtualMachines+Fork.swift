import Access
import FoundationEssentials
import Sandboxes

extension VirtualMachines {
    /// Makes machines that go on from where one is now; it goes on, too.
    ///
    /// Each is as its parent: of the same size, with the same limits and metadata, but with names of its own and no slug.
    ///
    /// - Returns: one for each that was asked for; each was made or failed by itself.
    func fork(_ vm: VM, count: Int) async throws -> [Result<VM, any Error>] {
        let lifetime = vm.record.limits.ttl.map { Duration.seconds($0) }
        let fork = try await sandboxes.fork(vm.sandbox, ForkRequest(count: count, lifetime: lifetime))
        var results: [Result<VM, any Error>] = []
        for child in fork.children { await results.append(Result { try await take(try child.get(), as: vm.record) }) }
        return results
    }

    private func take(_ sandbox: Sandbox, as parent: VMRecord) async throws -> VM {
        var record = VMRecord(sandbox.record)
        record.displayName = parent.displayName
        record.snapshot = parent.snapshot
        record.metadata = parent.metadata
        record.workingDirectory = parent.workingDirectory
        record.targetPort = parent.targetPort
        record.limits = parent.limits
        return try await adopt(sandbox, record)
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
