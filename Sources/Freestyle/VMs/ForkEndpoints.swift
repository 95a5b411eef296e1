import Access
import Sandboxes
import Wire

/// Forks of machines: the first version has them, and the fifth has them here.
struct ForkEndpoints: Sendable {
    private static let counts = Int64(ForkRequest.counts.lowerBound)...Int64(ForkRequest.counts.upperBound)

    let machines: VirtualMachines
    let firewall: FirewallRules

    func first(_ request: Request) async throws -> Answer {
        let (vm, made, failed) = try await fork(request)
        var document: [String: JSONValue] = [
            "vmId": .string(vm.id),
            "forks": .array(made.map { ["id": .string($0.id), "domains": [], "consoleUrl": .null] }),
        ]
        if !failed.isEmpty { document["errors"] = .array(failed) }
        return Answer(200, .object(document))
    }

    func fifth(_ request: Request) async throws -> Answer {
        let (vm, made, failed) = try await fork(request)
        var document: [String: JSONValue] = ["sourceVmId": .string(vm.id), "vms": .array(made.map(\.document))]
        if !failed.isEmpty { document["errors"] = .array(failed) }
        return Answer(201, .object(document))
    }

    /// - Throws: the first failure when not one was made.
    private func fork(_ request: Request) async throws -> (VM, made: [VM], failed: [JSONValue]) {
        let vm = try await machines.use(request)
        let count = try request.members().integer("count", in: Self.counts) ?? 1
        let results = try await machines.fork(vm, count: Int(count))
        var made: [VM] = []
        var failures: [FreestyleError] = []
        for result in results {
            do { made.append(try await furnish(try result.get(), as: vm)) } catch {
                failures.append(FreestyleError(error))
            }
        }
        if made.isEmpty, let failure = failures.first { throw failure }
        return (vm, made, failures.map { ["code": .string($0.code.rawValue), "message": .string($0.message)] })
    }

    /// Gives a fork what its parent is let to do; one that can not have it is none.
    private func furnish(_ child: VM, as parent: VM) async throws -> VM {
        do {
            try await firewall.copy(from: parent.id, to: child.id, of: parent.record.owner)
            if child.hasFirewall { try await machines.enforce(firewall, on: child) }
            return child
        } catch {
            try? await machines.delete(child)
            throw error
        }
    }
}
