import FoundationEssentials
import Glibc
import Linux
import Machines
import Records
import Sandboxes
import Snapshots
import Wire

/// What finished steps made of machines, by the digest of all that went into them.
///
/// Each is a snapshot, so that the next build goes on from it without booting; the time when one was used last is that of its
/// directory. One that can not be resumed here is as good as none.
struct StepCache: Sendable {
    private let store: SnapshotStore
    private let root: String
    private let identity: MachineIdentity

    init(_ home: Home, identity: MachineIdentity) {
        root = "\(home.templates)/steps"
        store = SnapshotStore(root: root)
        self.identity = identity
    }

    func saved(_ key: String) async -> SavedMachine? {
        guard Files.isDirectory(directory(key)), let snapshot = try? await store.open(key),
            snapshot.saved.identity == identity
        else { return nil }
        utimensat(AT_FDCWD, directory(key), nil, 0)
        return snapshot.saved
    }

    /// Keeps what a step made; what was kept under its key before is replaced.
    func keep(_ saved: SavedMachine, as key: String, of foundation: TemplateManifest) async throws {
        if Files.isDirectory(directory(key)) { try await store.remove(key) }
        do {
            try await store.save(
                saved,
                as: key,
                origin: SnapshotManifest.Origin(
                    template: foundation.name,
                    buildID: foundation.buildID,
                    kernel: "",
                    guestGeneration: GuestProtocol.generation
                )
            )
        } catch let error as SnapshotError {
            // Another build of the same was faster.
            if Files.isDirectory(directory(key)) { return }
            throw TemplateError(
                error.code == .noSpace ? .noSpace : .toolFailed,
                "What a step made could not be kept",
                cause: error
            )
        }
    }

    var keys: [String] { store.ids() }

    func lastUse(_ key: String) -> Date? {
        var status = stat()
        guard stat(directory(key), &status) == 0 else { return nil }
        return Date(timeIntervalSince1970: Double(status.st_mtim.tv_sec))
    }

    func remove(_ key: String) async { try? await store.remove(key) }

    /// Removes what a crash left; only while no build runs.
    func sweep() async { _ = try? await store.sweep(keeping: Set(keys)) }

    func directory(_ key: String) -> String { "\(root)/saved/\(key)" }
}
