import Access
import FoundationEssentials
import Linux
import Sandboxes
import Wire

/// `/v1/vms`: the verbs of the guide.
struct FirstVMEndpoints: Sendable {
    let machines: VirtualMachines
    let firewall: FirewallRules

    // MARK: Making

    func create(_ request: Request) async throws -> Answer {
        let members = try request.members()
        let spec = try FirstSpec(members)
        let wishes = try VMWishes(members, request.caller, machines, snapshot: try spec.snapshot())
        try wishes.refuseMissing(members)
        let template = try wishes.template(machines)
        try spec.size().check(within: VMSize(template), of: template.name)
        let layers = try spec.layers.map { (try Furniture($0), try StartingServices($0)) }
        let (directory, port) = (try spec.workingDirectory(), try spec.targetPort())
        let vm = try await machines.create(wishes.sandbox, from: wishes.source, slug: nil) { sandbox in
            var record = wishes.record(of: sandbox)
            record.workingDirectory = directory
            record.targetPort = port
            return record
        }
        do {
            if let directory { try await vm.perform(["mkdir", "-p", "--", directory]) }
            for (furniture, services) in layers {
                try await furniture.bring(into: vm)
                try await services.bring(into: vm)
            }
        } catch {
            try? await machines.delete(vm)
            throw error
        }
        return Answer(200, vm.firstDocument)
    }

    // MARK: Finding

    func list(_ request: Request) async throws -> Answer {
        let query = try VMQuery(request)
        let fitting = machines.all(request.caller).filter(query.accepts)
        return Answer(
            200,
            ["vms": .array(query.page(of: fitting).map(\.firstDocument)), "totalCount": .integer(Int64(fitting.count))]
        )
    }

    func get(_ request: Request) async throws -> Answer { Answer(200, try machines.find(request).firstDocument) }

    // MARK: Ending

    func delete(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        try await machines.delete(vm)
        try await firewall.removeAll(about: vm.id)
        return Answer(200, ["id": .string(vm.id)])
    }

    func start(_ request: Request) async throws -> Answer {
        let members = try request.members()
        let vm = try await machines.start(try machines.find(request))
        if members["idleTimeoutSeconds"] != nil {
            try await machines.change(vm, takingSlugAway: false) { vm in
                var record = vm.record
                try record.limits.change(members)
                return record
            }
        }
        return Answer(200, try machines.find(request).firstDocument)
    }

    func suspend(_ request: Request) async throws -> Answer {
        let vm = try await machines.pause(try machines.find(request))
        return Answer(200, ["id": .string(vm.id), "vmInstanceId": .string(vm.id), "snapshotLayerId": .null])
    }

    func stop(_ request: Request) async throws -> Answer {
        Answer(200, try await machines.stop(try machines.find(request)).firstDocument)
    }

    /// Waits until the machine is no more.
    func await(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        let reason = try await vm.sandbox.ended.value()
        return Answer(200, ["id": .string(vm.id), "exitStatus": .string(reason.rawValue)])
    }

    func missing(_ what: String) -> @Sendable (Request) async throws -> Answer {
        { request in
            _ = try machines.find(request)
            throw FreestyleError.missing(what)
        }
    }
}
