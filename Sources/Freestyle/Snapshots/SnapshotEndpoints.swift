import Access
import FoundationEssentials
import Sandboxes
import Wire

/// `/v5/snapshots` and `/v1/vms/snapshots`: machines put aside to make others from.
struct SnapshotEndpoints: Sendable {
    let machines: VirtualMachines

    func take(_ request: Request) async throws -> Answer {
        let wishes = try SnapshotWishes(try request.members())
        let vm = try machines.find(request)
        if request.visit.enter(vm.id) { machines.activity.enter(vm.id) }
        let snapshot = try await machines.takeSnapshot(of: vm, wishes)
        return Answer(
            200,
            [
                "snapshotId": .string(snapshot.id), "sourceVmId": .string(vm.id),
                "snapshot": .object(Self.document(snapshot)),
            ]
        )
    }

    func list(_ request: Request) async throws -> Answer {
        let source = request.item("sourceVmId")
        let query = try VMQuery(request)
        let fitting = machines.snapshots(request.caller).filter { snapshot in
            query.accepts(snapshot.record) && (source.map { snapshot.record.source == $0 } ?? true)
        }
        return Answer(
            200,
            [
                "snapshots": .array(query.page(of: fitting).map { .object(Self.document($0)) }),
                "totalCount": .integer(Int64(fitting.count)),
            ]
        )
    }

    /// One that was taken, or a template, which everybody may use.
    func get(_ request: Request) async throws -> Answer {
        let name = request["snapshot"]
        if let template = template(name) { return Answer(200, template) }
        return Answer(200, .object(Self.document(try machines.snapshot(name, request.caller))))
    }

    func update(_ request: Request) async throws -> Answer {
        let members = try request.members()
        let snapshot = try find(request)
        var record = snapshot.record
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
        try record.limits.change(members)
        try await machines.records.put(record, takingSlugAway: try members.bool("reassignSlug") ?? false)
        machines.watch(snapshot.id)
        // By its id: the slug that the request names may be another's now.
        return Answer(200, .object(Self.document(try machines.snapshot(snapshot.id, request.caller))))
    }

    /// Machines that were made from it are as they are.
    func delete(_ request: Request) async throws -> Answer {
        try await machines.delete(try find(request))
        return Answer(204)
    }

    private func find(_ request: Request) throws -> VM {
        let name = request["snapshot"]
        guard template(name) == nil else {
            throw FreestyleError.conflict("'\(name)' is a template, and everybody's; 'martlet template' manages those")
        }
        return try machines.snapshot(name, request.caller)
    }

    private func template(_ name: String) -> JSONValue? {
        guard let manifest = try? machines.sandboxes.templates.template(name).manifest else { return nil }
        return [
            "id": .string(name), "slug": .string(name), "displayName": .null, "sourceVmId": .null, "public": true,
            "createdAt": .time(manifest.created), "state": "ready",
        ]
    }

    private static func document(_ snapshot: VM) -> [String: JSONValue] {
        let record = snapshot.record
        return [
            "id": .string(snapshot.id), "snapshotId": .string(snapshot.id), "slug": .text(record.slug),
            "displayName": .text(record.displayName), "name": .text(record.displayName),
            "sourceVmId": .text(record.source), "public": false, "autoDeleteSeconds": .number(record.limits.autoDelete),
            "ttlSeconds": .number(record.limits.ttl), "resources": snapshot.resources,
            "createdAt": .time(record.created), "updatedAt": .time(record.updated),
            "state": .string(snapshot.state == .paused ? "ready" : "saving"),
        ]
    }
}
