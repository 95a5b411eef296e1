import GuestLink
import Linux
import Machines
import Records
import Snapshots
import Wire

/// What an earlier daemon left: it may have been killed at any moment.
extension SandboxRegistry {
    /// Finds the sandboxes of an earlier daemon again, removes what it left half done, and fills the pools.
    ///
    /// - Returns: how many were found, and the ids of those that were lost.
    package func recover() async throws -> (found: Int, lost: [String]) {
        archive.load()
        await audits.removeOld()
        var lost: [String] = []
        var found: [Sandbox] = []
        for (record, token) in try await records.all() {
            if let sandbox = await find(record, token) ?? rest(record, token) {
                found.append(sandbox)
            } else {
                lost.append(record.id)
                try await records.remove(record.id)
            }
        }
        _ = await engine.sweep(home.machines, keeping: Set(found.compactMap(\.stay?.machineName)))
        networks.sweepAuthorities(keeping: Set(found.map(\.id)))
        templates.sweep()
        let named = try await snapshotRecords.all().map(\.id)
        _ = try? await snapshots.sweep(keeping: Set(found.compactMap(\.record.saved?.snapshot) + named))
        archive.sweepNotes(keeping: Set(found.filter { $0.stay == nil }.map(\.id)))
        for sandbox in found {
            quota.note(sandbox.record.owner)
            try adopt(sandbox)
            if let stay = sandbox.stay { attend(sandbox, stay) } else { try await records.update(sandbox) }
        }
        return (found.count, lost)
    }

    /// Finds a sandbox that ran when the last daemon ended, if its machine and its guest are still there.
    private func find(_ record: SandboxRecord, _ token: Secret) async -> Sandbox? {
        guard record.isPaused != true, let template = manifest(of: record),
            let machine = try? await engine.adopt("\(home.machines)/\(record.machine)")
        else { return nil }
        let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
        let link = GuestLink(line, token: token)
        // One that was being made when the daemon died may not have its identity yet; nobody has ever heard of it.
        let processes = try? await withDeadline(.seconds(10)) { try await link.call(ListProcesses.self, Empty()) }
        guard processes != nil else { return nil }
        // Somebody may have held its processes, and is no more.
        try? await withDeadline(.seconds(10)) { try await link.endHolds() }
        return Sandbox(record: record, template: template, stay: Stay(in: machine), line: line, token: token)
    }

    /// The sandbox as it was saved last.
    private func rest(_ record: SandboxRecord, _ token: Secret) -> Sandbox? {
        guard let saved = record.saved, let template = manifest(of: record) else { return nil }
        if record.isPaused != true { logRollback(of: record) }
        let notes = archive.notes(of: record.id)
        return Sandbox(record: record, template: template, saved: saved, notes: notes, token: token)
    }

    private func manifest(of record: SandboxRecord) -> TemplateManifest? {
        record.manifest ?? (try? templates.build(record.buildID, name: record.template).manifest)
    }
}
