import Access
import Linux
import RPC
import Sandboxes
import Wire

extension CallRouter {
    mutating func addSnapshotCalls(_ sandboxes: SandboxRegistry) {
        on(KeepSandbox.self) { request, _ in
            try await refusing {
                SnapshotInfo(
                    try await sandboxes.keep(
                        try sandboxes.sandbox(request.id),
                        as: request.name,
                        keepsMemory: request.memory ?? true
                    )
                )
            }
        }
        on(ListSnapshots.self) { _, _ in
            try await refusing {
                ListSnapshots.Response(snapshots: try await sandboxes.namedSnapshots(of: nil).map { SnapshotInfo($0) })
            }
        }
        on(RemoveSnapshot.self) { request, _ in
            try await refusing { try await sandboxes.remove(try await find(request.name, sandboxes)) }
            return Empty()
        }
        on(ExportSnapshot.self) { request, _ in
            try await refusing {
                try requireLocal(request.path)
                let snapshot = try await find(request.name, sandboxes)
                try await sandboxes.export(snapshot, to: request.path, includesTemplate: request.includesTemplate)
                return ExportSnapshot.Response(bytes: Files.size(request.path) ?? 0)
            }
        }
        on(ImportSnapshot.self) { request, _ in
            try await refusing {
                try requireLocal(request.path)
                return SnapshotInfo(try await sandboxes.importSnapshot(from: request.path, as: request.name))
            }
        }
    }
}

/// Files of the host are for whoever has the rights of the daemon anyway.
private func requireLocal(_ path: String) throws(CallError) {
    guard Caller.current == .local else {
        throw CallError(.permissionDenied, "Snapshots are exported and imported on the daemon's own host")
    }
    guard path.hasPrefix("/") else { throw CallError(.invalidArgument, "'\(path)' is not an absolute path") }
}

/// The installation's snapshot of a name, or anybody's of an id.
private func find(_ name: String, _ sandboxes: SandboxRegistry) async throws -> NamedSnapshot {
    if let snapshot = try await sandboxes.namedSnapshot(name, of: .installation) { return snapshot }
    let all = try await sandboxes.namedSnapshots(of: nil)
    guard let snapshot = all.first(where: { $0.id == name }) else {
        throw SandboxError(.templateNotFound, "There is no snapshot '\(name)'; 'martlet snapshot ls' lists them")
    }
    return snapshot
}

extension SnapshotInfo {
    init(_ snapshot: NamedSnapshot) {
        self.init(
            id: snapshot.id,
            name: snapshot.name,
            sandbox: snapshot.sandbox,
            template: snapshot.manifest.name,
            created: snapshot.created
        )
    }
}
