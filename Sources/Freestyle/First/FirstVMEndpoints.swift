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
        try FirstWishes.refuseMissing(members)
        let wishes = try VMWishes(members, request.caller, machines)
        try wishes.refuseMissing(members)
        let furniture = try Furniture(members)
        let services = try StartingServices(members)
        let vm = try await machines.create(wishes.sandbox, from: wishes.source, slug: nil, wishes.record)
        do {
            try await furniture.bring(into: vm)
            try await services.bring(into: vm)
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
            var record = vm.record
            try record.limits.change(members)
            try await machines.records.put(record)
            machines.watch(vm.id)
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

/// What only the first version's create knows.
enum FirstWishes {
    /// What would change nothing is passed over, as `ports` and `persistence`: all ports of a VM of Martlet's can be reached.
    private static let missing = [
        "spec": "VMs that are built from a description ('spec'); make one, change it and take a snapshot",
        "baseImage": "images from a Dockerfile ('baseImage')", "aptDeps": "packages at create ('aptDeps')",
        "git": "clones at create ('git'); run 'git clone' with exec",
        "workdir": "another working directory than the user's home ('workdir')",
        "dockerCredentials": "Docker ('dockerCredentials')", "domains": "domains ('domains')",
        "rootfsSizeGb": "other sizes than the snapshot's ('rootfsSizeGb')",
        "memSizeGb": "other sizes than the snapshot's ('memSizeGb')",
        "vcpuCount": "other sizes than the snapshot's ('vcpuCount')",
        "recreate": "VMs that are made again when they are lost ('recreate')",
    ]

    static func refuseMissing(_ members: Members) throws {
        for (name, what) in missing.sorted(by: { $0.key < $1.key }) where members.says(name) {
            throw FreestyleError.missing(what)
        }
    }
}

extension Members {
    /// Whether a member asks for anything at all.
    func says(_ name: String) -> Bool {
        switch self[name] {
        case nil, .null?, .bool(false)?: false
        case .array(let elements)?: !elements.isEmpty
        case .object(let members)?: !members.isEmpty
        case .bool, .integer, .number, .string: true
        }
    }
}
