import Access
import Egress
import FoundationEssentials
import Sandboxes
import Wire

/// `/v5/vms`: making, finding, changing and ending machines.
struct VMEndpoints: Sendable {
    let machines: VirtualMachines
    let firewall: FirewallRules

    // MARK: Making

    func create(_ request: Request) async throws -> Answer {
        let members = try request.members()
        guard let firewallMembers = try members.object("firewall") else {
            throw FreestyleError.badRequest("'firewall' is missing; {\"rules\": []} lets nothing in or out")
        }
        try firewallMembers.allow(only: ["rules"])
        let drafts = try (firewallMembers.objects("rules") ?? []).map { try FirewallRuleDraft($0) }
        let wishes = try VMWishes(members, request.caller, machines)
        try wishes.refuseMissing(members)
        // Nothing leaves it before its rules are known.
        var new = wishes.sandbox
        new.egress = .firewall([])
        let vm = try await machines.create(
            new,
            from: wishes.source,
            slug: wishes.slug,
            takingSlugAway: wishes.takesSlugAway,
            wishes.record
        )
        let rules: [StoredRule]
        do {
            rules = try await firewall.add(drafts, of: request.caller.owner, for: vm.id)
            try await machines.enforce(firewall, on: vm)
        } catch {
            try? await machines.delete(vm)
            throw error
        }
        guard case .object(var document) = vm.document else { return Answer(201, vm.document) }
        document["firewallRules"] = .array(rules.map(\.document))
        document["tlsRules"] = []
        return Answer(201, .object(document))
    }

    // MARK: Finding

    func get(_ request: Request) async throws -> Answer { Answer(200, try machines.find(request).document) }

    func list(_ request: Request) async throws -> Answer {
        let query = try VMQuery(request)
        let fitting = machines.all(request.caller).filter(query.accepts)
        var document: [String: JSONValue] = [
            "vms": .array(query.page(of: fitting).map(\.document)), "totalCount": .integer(Int64(fitting.count)),
        ]
        for state in VM.State.allCases {
            document["\(state.rawValue)Count"] = .integer(Int64(fitting.count { $0.state == state }))
        }
        return Answer(200, .object(document))
    }

    /// What a machine used lately, as it tells it itself; not Freestyle's.
    func metrics(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        let samples = try await vm.sandbox.metrics()
        return Answer(200, ["samples": .array(samples.map { .sample($0) })])
    }

    // MARK: Changing and ending

    func update(_ request: Request) async throws -> Answer {
        let members = try request.members()
        let vm = try machines.find(request)
        try await machines.change(vm, takingSlugAway: try members.bool("reassignSlug") ?? false) { vm in
            try changed(vm, members)
        }
        let ttl = machines.records[vm.id]?.limits.ttl
        if ttl != vm.record.limits.ttl { try await setLifetime(vm, ttl) }
        // By its id: the slug that the request names may be another's now.
        return Answer(200, try machines.find(vm.id, request.caller).document)
    }

    private func changed(_ vm: VM, _ members: Members) throws -> VMRecord {
        var record = vm.record
        switch try members.stringChange("slug") {
        case .keep: break
        case .clear: record.slug = nil
        case .set(let slug): record.slug = slug.isEmpty ? nil : try Slug.checked(slug)
        }
        switch try members.stringChange("displayName") {
        case .keep: break
        case .clear: record.displayName = nil
        case .set(let name): record.displayName = try VMWishes.checked(displayName: name)
        }
        if let changes = try members.texts("metadata") {
            for (name, value) in changes { record.metadata[name] = value.isEmpty ? nil : value }
            record.metadata = try VMRecord.checked(record.metadata)
        }
        try record.limits.change(members)
        // Since when it rests is told by this, too.
        if vm.state == .running { record.updated = Date() }
        return record
    }

    private func setLifetime(_ vm: VM, _ ttl: Int64?) async throws {
        let age = Date().timeIntervalSince(vm.sandbox.record.created)
        let left = ttl.map { Duration.seconds(max(0, Double($0) - age)) }
        do { try await machines.sandboxes.setLifetime(of: vm.sandbox, to: left) } catch let error as SandboxError
            where error.code == .ended
        { throw FreestyleError.noVM(vm.id) }
    }

    func delete(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        try await machines.delete(vm)
        try await firewall.removeAll(about: vm.id)
        return Answer(204)
    }

    func start(_ request: Request) async throws -> Answer {
        Answer(200, try await machines.start(try machines.find(request)).document)
    }

    func pause(_ request: Request) async throws -> Answer {
        Answer(200, try await machines.pause(try machines.find(request)).document)
    }

    func stop(_ request: Request) async throws -> Answer {
        Answer(200, try await machines.stop(try machines.find(request)).document)
    }

    /// Says that a machine has the size that is asked for, or why it can not have it.
    func resize(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        let members = try request.members()
        let wanted = request.generation == .fifth ? try VMSize(members) : try VMSize(first: members)
        try wanted.checkResize(of: VMSize(vm.sandbox.template), of: vm.sandbox.template.name)
        return Answer(200, request.generation == .fifth ? vm.document : vm.firstDocument)
    }

    /// Takes a machine out of all private networks: there are none that it could be put into.
    func setNetworks(_ request: Request) async throws -> Answer {
        let vm = try machines.find(request)
        guard let networks = try request.members().objects("networks") else {
            throw FreestyleError.badRequest("'networks' is missing")
        }
        guard networks.isEmpty else { throw FreestyleError.missing(Self.networks) }
        return Answer(200, vm.document)
    }

    static let networks =
        "private networks; a VM reaches another by the other's address on the daemon, docs/sandbox-addresses.md says which"

    /// Answers for something that can not be done with a machine; one that is not there is missed first.
    func missing(_ what: String) -> @Sendable (Request) async throws -> Answer {
        { request in
            _ = try machines.find(request)
            throw FreestyleError.missing(what)
        }
    }
}

extension JSONValue {
    static func sample(_ sample: MetricSample) -> JSONValue {
        [
            "timestamp": .time(sample.time), "cpuCount": .integer(Int64(sample.processors)),
            "cpuUsedPercent": .number(sample.processorPercent), "memoryUsedBytes": .integer(sample.memoryUsed),
            "memoryTotalBytes": .integer(sample.memoryTotal), "memoryCachedBytes": .integer(sample.memoryCached),
            "diskUsedBytes": .integer(sample.diskUsed), "diskTotalBytes": .integer(sample.diskTotal),
        ]
    }
}
