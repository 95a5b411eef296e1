import Access
import FoundationEssentials
import GuestLink
import Linux
import Machines
import Snapshots
import Wire

/// Snapshots by name: a sandbox as it was once, of which others are made, also when it is no more.
///
///     processes held ─► checkpoint ─► processes go on ─► files on disk ─► record, which takes the name
extension SandboxRegistry {
    /// How long a guest may take to become somebody else.
    private static let renewalLimit = Duration.seconds(60)

    /// Keeps a running sandbox as it is now, while it goes on. A snapshot that had the name loses it and is removed.
    ///
    /// - Parameter keepsMemory: false keeps its disk alone; what is made of that boots on it.
    /// - Throws: ``SandboxError/Code/invalidRequest`` for a name that can not be one, or is a template's.
    package func keep(_ sandbox: Sandbox, as name: String?, keepsMemory: Bool = true) async throws -> NamedSnapshot {
        if let name { try check(name) }
        try checkOpen()
        let snapshot = NamedSnapshot(
            id: "s\(Random.name(20))",
            owner: sandbox.record.owner,
            name: name,
            sandbox: sandbox.id,
            created: Date(),
            manifest: sandbox.template
        )
        // Once begun it is brought to its end; the machine's files are there until it is.
        try await Task { [self] in
            try await sandbox.turning.withLock { [self] in
                let machine = try running(sandbox).machine
                let setting = keepsMemory ? nil : try await setting(of: sandbox)
                let patience = keepsMemory ? GuestLink.patience : Self.writeLimit
                let checkpoint = try await sandbox.link.holding(within: patience, writesDisk: !keepsMemory) {
                    try await machine.checkpoint()
                }
                try await snapshots.save(
                    keepsMemory ? checkpoint.saved : checkpoint.saved.withoutMemory,
                    as: snapshot.id,
                    origin: sandbox.template.origin,
                    attachment: setting
                )
            }
            do {
                let previous = try await snapshotRecords.insert(snapshot, token: sandbox.token)
                if let previous { try? await snapshots.remove(previous.id) }
            } catch {
                try? await snapshots.remove(snapshot.id)
                throw error
            }
        }.value
        return snapshot
    }

    func check(_ name: String) throws(SandboxError) {
        guard TemplateStore.isName(name) else {
            throw SandboxError(
                .invalidRequest,
                "'\(name)' can not be the name of a snapshot: 1 to 64 lower-case letters, digits, dots, dashes and underscores"
            )
        }
        if templates.allNames().contains(name) {
            throw SandboxError(.invalidRequest, "There is a template '\(name)'; give the snapshot another name")
        }
    }

    /// The snapshots of an owner, or all, the oldest first.
    package func namedSnapshots(of owner: Owner?) async throws -> [NamedSnapshot] {
        try await snapshotRecords.all().filter { owner == nil || $0.owner == owner }
            .sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }

    /// The snapshot of an owner with this id or name; nil when there is none.
    package func namedSnapshot(_ name: String, of owner: Owner) async throws -> NamedSnapshot? {
        // Other tools give a tag to every name.
        guard let name = TemplateName(name), TemplateName.isDefault(name.tag) else { return nil }
        return try await snapshotRecords.find(name.name, of: owner)
    }

    /// Sandboxes that were made from it are not disturbed.
    package func remove(_ snapshot: NamedSnapshot) async throws {
        try await snapshotRecords.remove(snapshot.id)
        try await snapshots.remove(snapshot.id)
    }

    // MARK: Sandboxes from snapshots

    func create(_ request: NewSandbox, from snapshot: NamedSnapshot, _ undo: inout UndoStack) async throws -> Sandbox {
        guard let before = try await snapshotRecords.token(snapshot.id) else {
            throw SandboxError(.templateNotFound, "There is no snapshot '\(request.template)' any more")
        }
        let files = try await snapshots.open(snapshot.id)
        let boot = Reboot(files)
        try await beforeStep(.machine)
        let machine = if let boot { try await start(boot) } else { try await pool.start(from: files.saved) }
        undo.add { await machine.destroy() }
        let stay = Stay(in: machine)

        try await beforeStep(.record)
        let id = "i\(Random.name(20))"
        let token = Secret(Random.hex(32))
        var record = SandboxRecord(
            id: id,
            request,
            template: snapshot.manifest,
            machine: stay.machineName,
            created: nextCreated(),
            trafficToken: request.ingress.allowsPublicTraffic ? nil : Random.hex(32)
        )
        record.template = snapshot.name ?? snapshot.id
        try await records.insert(record, token: token)
        undo.add { [records] in try? await records.remove(id) }

        try await beforeStep(.identity)
        let line = GuestLine(to: machine.agentAddress, takesMany: machine.takesManyConnections)
        let sandbox = Sandbox(record: record, template: snapshot.manifest, stay: stay, line: line, token: token)
        undo.add { [networks] in networks.removeAuthority(of: id) }
        if let boot {
            try await introduce(sandbox, machine, boot, adding: request.environment)
        } else {
            var identity = GuestIdentity(fork: id, token: token)
            identity.envVars.merge(request.environment) { $1 }
            let news = identity
            await introduceAuthorityIfItCan(of: record, over: GuestLink(line, token: before))
            _ = try await withDeadline(Self.renewalLimit) { try await line.renew(news, token: before) }
        }
        try await settle(sandbox, stay, volumes: request.volumes, &undo)
        if boot != nil { try await startAgain(in: sandbox) }
        return sandbox
    }
}
