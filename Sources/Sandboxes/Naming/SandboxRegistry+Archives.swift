import Access
import FoundationEssentials
import Linux
import Snapshots
import Wire

/// Snapshots as single files, for keeping elsewhere and for other computers.
extension SandboxRegistry {
    /// What a file brings besides the machine.
    private struct Attachment: Codable {
        var snapshot: NamedSnapshot
        /// Opens the guest that is in it. So whoever has the file can read the guest's memory and disk, and may also make it
        /// a sandbox; nothing that is made from it keeps this token.
        var token: String
    }

    /// Writes a snapshot into one file, whole or not at all.
    ///
    /// - Parameter includesTemplate: whether it is to be good for other installations, too.
    package func export(_ snapshot: NamedSnapshot, to path: String, includesTemplate: Bool) async throws {
        guard let token = try await snapshotRecords.token(snapshot.id) else {
            throw SandboxError(.templateNotFound, "There is no snapshot '\(snapshot.id)' any more")
        }
        let attachment = Attachment(snapshot: snapshot, token: token.exposed { $0 })
        try await snapshots.export(
            snapshot.id,
            to: path,
            includesBase: includesTemplate,
            attachment: JSONValue(encoding: attachment)
        )
    }

    /// Takes in a snapshot from a file, under an id of its own.
    ///
    /// - Parameter name: what it is to be called here; nil is what it was called where it was made.
    /// - Throws: ``SandboxError/Code/invalidRequest`` for a name that is taken, ``SnapshotError`` with the reason when it is
    ///   not whole, not what was written, or can not run here.
    package func importSnapshot(from path: String, as name: String?) async throws -> NamedSnapshot {
        try checkOpen()
        if let name { try await checkFree(name) }
        let id = "s\(Random.name(20))"
        return try await Task { [self] in
            let manifest = try await snapshots.importSnapshot(from: path, as: id, for: identity)
            do {
                guard let attachment: Attachment = try? manifest.attachment?.decode(),
                    attachment.snapshot.manifest.buildID == manifest.origin.buildID, !attachment.token.isEmpty
                else {
                    throw SnapshotError(.damaged, "The file '\(path)' does not say how the guest in it is opened")
                }
                var snapshot = attachment.snapshot
                snapshot.id = id
                snapshot.owner = .installation
                snapshot.name = name ?? snapshot.name
                if name == nil, let name = snapshot.name { try await checkFree(name) }
                _ = try await snapshotRecords.insert(snapshot, token: Secret(attachment.token))
                return snapshot
            } catch {
                try? await snapshots.remove(id)
                throw error
            }
        }.value
    }

    private func checkFree(_ name: String) async throws {
        try check(name)
        if try await namedSnapshot(name, of: .installation) != nil {
            throw SandboxError(
                .invalidRequest,
                "There is a snapshot '\(name)' already; give the one in the file another name with '--name'"
            )
        }
    }
}
