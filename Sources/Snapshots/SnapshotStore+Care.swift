import Linux
import Machines

// What is done to snapshots while nobody waits.

extension SnapshotStore {
    /// Removes a snapshot, and its base when it was the last on it. Machines that were resumed from it are not disturbed.
    package func remove(_ id: String) async throws {
        guard SnapshotFiles.isPlainName(id) else { return }
        try await files.withLock { [self] in
            let buildID = try? self.manifest(id).origin.buildID
            try Files.remove(directory(id))
            if let buildID, !ids().contains(where: { (try? self.manifest($0).origin.buildID) == buildID }) {
                try Files.remove(base(buildID))
            }
        }
    }

    /// Removes what a crash left, every snapshot other than `kept`, and every base that none of them needs.
    ///
    /// A snapshot that can not be read is kept when it is asked for, and so is every base then: what is not understood is not
    /// deleted.
    ///
    /// - Returns: the snapshots that are gone.
    @discardableResult
    package func sweep(keeping kept: Set<String>) async throws -> [String] {
        try await files.withLock { [self] in
            try Files.remove(making)
            let doomed = ids().filter { !kept.contains($0) }
            for id in doomed { try Files.remove(directory(id)) }
            var needed: Set<String> = []
            for id in ids() {
                guard let manifest = try? self.manifest(id) else { return doomed }
                needed.insert(manifest.origin.buildID)
                // What a compression left that never finished.
                let own = [SnapshotFiles.manifest, manifest.pages.file.name, manifest.deviceState.name]
                let known = Set(own + manifest.layers.map(\.name))
                for name in Files.list(directory(id)) where !known.contains(name) {
                    try Files.remove("\(directory(id))/\(name)")
                }
            }
            for buildID in Files.list("\(root)/bases") where !needed.contains(buildID) {
                try Files.remove(base(buildID))
            }
            return doomed
        }
    }

    /// Stores the pages of a snapshot that rests in less space. It can be resumed meanwhile; one that is removed meanwhile is
    /// not there afterwards.
    package func compress(_ id: String) async throws {
        let manifest = try await files.withLock { [self] in try self.manifest(id) }
        guard manifest.pages.encoding == .plain else { return }
        let (directory, base) = (directory(id), base(manifest.origin.buildID))
        try await whole { place in
            let name = SnapshotFiles.pages(.zstd)
            let pages: SnapshotManifest.Pages = try await BlockingPool.run {
                let plain = try PageFile("\(directory)/\(manifest.pages.file.name)")
                let writer = try PageFileWriter(
                    "\(place)/\(name)",
                    base: "\(base)/\(SnapshotFiles.Base.memory)",
                    memoryPages: plain.memoryPages,
                    encoding: .zstd
                )
                try plain.forEachBlock { try writer.add($0, $1) }
                return SnapshotManifest.Pages(name: name, try writer.finish())
            }
            var changed = manifest
            changed.pages = pages
            let bytes = try changed.encoded()
            try await files.withLock {
                // The new pages are there before the manifest names them, the old ones until it no longer does.
                guard Files.exists("\(directory)/\(manifest.pages.file.name)") else { return }
                try Files.rename("\(place)/\(name)", to: "\(directory)/\(name)")
                try Files.write(bytes, to: "\(directory)/\(SnapshotFiles.manifest)")
                try Files.remove("\(directory)/\(manifest.pages.file.name)")
            }
        }
    }
}
