import Access
import Wire

extension VolumeStore {
    /// How many volumes a sandbox may have.
    package static let mountLimit = 16
    /// What is the kernel's in a guest.
    private static let reserved = ["/proc", "/sys", "/dev"]

    /// The volumes that an owner wants to see in a sandbox, and where.
    ///
    /// - Throws: ``VolumesError`` for one that is not there, is wanted twice, or is wanted where none can be.
    package func mounts(_ wishes: [VolumeWish], owner: Owner) async throws -> [VolumeMount] {
        guard wishes.count <= Self.mountLimit else {
            throw VolumesError(.invalid, "A sandbox has \(Self.mountLimit) volumes at most")
        }
        var mounts: [VolumeMount] = []
        for wish in wishes {
            let path = try Self.mountPath(wish.path)
            let volume = try await volume(called: wish.name, owner: owner)
            if mounts.contains(where: { $0.volume == volume.id }) {
                throw VolumesError(.invalid, "The volume '\(wish.name)' is mounted twice; one place is enough")
            }
            if let other = mounts.first(where: { Self.contains($0.path, path) || Self.contains(path, $0.path) }) {
                throw VolumesError(
                    .invalid,
                    "The volumes '\(other.name)' and '\(volume.name)' are both wanted at '\(other.path)', or one in the other"
                )
            }
            mounts.append(VolumeMount(volume: volume.id, name: volume.name, path: path))
        }
        return mounts
    }

    /// The path without what means nothing in it.
    private static func mountPath(_ text: String) throws -> String {
        guard text.utf8.first == 0x2F else {
            throw VolumesError(.invalid, "'\(text)' is no place for a volume: write the whole path, from '/'")
        }
        let path = try VolumePath(text)
        let hasDots = text.utf8.split(separator: 0x2F).contains { [".", ".."].contains(String($0)) }
        guard !path.isRoot, !hasDots, !reserved.contains(where: { contains($0, path.description) }) else {
            throw VolumesError(.invalid, "'\(text)' is no place for a volume; take one such as '/mnt/data'")
        }
        return path.description
    }

    /// Whether the second path is the first or lies in it.
    private static func contains(_ path: String, _ other: String) -> Bool {
        other == path || other.utf8.starts(with: "\(path)/".utf8)
    }
}
