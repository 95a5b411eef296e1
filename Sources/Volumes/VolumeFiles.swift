import CLinux
import Glibc
import Linux

/// The files of one volume. All of it blocks.
///
/// A path is walked by the kernel with the volume's directory for its root (`RESOLVE_IN_ROOT`), and what was found is then used
/// by its descriptor. So neither a link nor a rename in the middle of a call leads to a file of the host.
struct VolumeFiles: Sendable {
    static let fileMode: UInt32 = 0o644
    static let directoryMode: UInt32 = 0o755

    let root: Descriptor
    let removed: RemovedFiles

    /// - Parameter root: the volume's directory, open for its path at least.
    init(root: Descriptor, removed: RemovedFiles) {
        self.root = root
        self.removed = removed
    }

    // MARK: Looking

    func entry(at path: VolumePath) throws(VolumesError) -> VolumeEntry {
        try told(path) { () throws(LinuxError) in try VolumeEntry(find(path, followsLast: false), at: path) }
    }

    /// Opens a file's bytes, behind links too. Nothing but a file is opened: a pipe would wait and a device act.
    func open(_ path: VolumePath) throws(VolumesError) -> (file: Descriptor, size: Int64) {
        let found = try told(path) { () throws(LinuxError) in try find(path, followsLast: true) }
        let entry = try told(path) { () throws(LinuxError) in try VolumeEntry(found, at: path) }
        guard entry.kind == .file else { throw VolumesError(.invalid, "'\(path)' is not a file") }
        let file = try told(path) { () throws(LinuxError) in try Descriptor.open(found.reopeningPath, O_RDONLY) }
        return (file, entry.size)
    }

    // MARK: Changing

    /// Changes what stands at a path, or where the link there leads.
    func change(_ path: VolumePath, _ attributes: VolumeAttributes) throws(VolumesError) -> VolumeEntry {
        let found = try told(path) { () throws(LinuxError) in try find(path, followsLast: true) }
        try apply(attributes, to: found, at: path)
        return try told(path) { () throws(LinuxError) in try VolumeEntry(found, at: path) }
    }

    func remove(_ path: VolumePath) throws(VolumesError) {
        guard !path.isRoot else {
            throw VolumesError(.invalid, "'/' goes with its volume; remove what is in it, or the volume")
        }
        try told(path) { () throws(LinuxError) in
            try removed.remove(path.name, from: find(path.parent, followsLast: true))
        }
    }

    /// - Parameter makesParents: whether what is missing above is made too, and a directory that is there is no error.
    func makeDirectory(
        _ path: VolumePath,
        _ attributes: VolumeAttributes,
        makesParents: Bool
    ) throws(VolumesError) -> VolumeEntry {
        let parent = try directory(path.parent, isMade: makesParents)
        if path.isRoot || mkdirat(parent.raw, path.name, 0o700) < 0 {
            let failure = path.isRoot ? LinuxError(errno: EEXIST, "make '/'") : LinuxError("make '\(path)'")
            guard failure.code == .exists, makesParents else { throw VolumesError(failure, at: path) }
            return try told(path) { () throws(LinuxError) in
                try VolumeEntry(isDirectory(find(path, followsLast: true), at: path), at: path)
            }
        }
        do throws(VolumesError) {
            let made = try told(path) { () throws(LinuxError) in try directory(path.name, in: parent, at: path) }
            var attributes = attributes
            attributes.mode = attributes.mode ?? Self.directoryMode
            try apply(attributes, to: made, at: path)
            return try told(path) { () throws(LinuxError) in try VolumeEntry(made, at: path) }
        } catch {
            unlinkat(parent.raw, path.name, AT_REMOVEDIR)
            throw error
        }
    }

    // MARK: Steps

    /// What stands at a path, by a descriptor that can neither be read nor written.
    func find(_ path: VolumePath, followsLast: Bool) throws(LinuxError) -> Descriptor {
        Descriptor(
            owning: try check("find '\(path)'") { clinux_find_below(root.raw, path.relative, followsLast ? 1 : 0) }
        )
    }

    /// The directory at a path, made with all that is missing above it where that is wanted.
    func directory(_ path: VolumePath, isMade: Bool) throws(VolumesError) -> Descriptor {
        do throws(LinuxError) {
            return try isDirectory(find(path, followsLast: true), at: path)
        } catch {
            guard error.code == .notFound, !path.isRoot else { throw VolumesError(error, at: path) }
            guard isMade else { throw VolumesError(.pathNotFound, "There is no directory '\(path)'; 'force' makes it") }
        }
        return try told(path) { () throws(LinuxError) in
            var last = root
            for step in path.ancestry.dropFirst() {
                do throws(LinuxError) {
                    last = try isDirectory(find(step, followsLast: true), at: step)
                } catch  where error.code == .notFound {
                    if mkdirat(last.raw, step.name, mode_t(Self.directoryMode)) == 0 {
                        last = try directory(step.name, in: last, at: step)
                        // Whatever the process's mask took away.
                        chmod(last.reopeningPath, mode_t(Self.directoryMode))
                    } else {
                        guard errno == EEXIST else { throw LinuxError("make '\(step)'") }
                        // Another call was faster; or a link is there that leads nowhere, which this then says.
                        last = try isDirectory(find(step, followsLast: true), at: step)
                    }
                }
            }
            return last
        }
    }

    private func directory(
        _ name: String,
        in parent: Descriptor,
        at path: VolumePath
    ) throws(LinuxError) -> Descriptor {
        let flags = pathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        return Descriptor(owning: try check("open '\(path)'") { openat(parent.raw, name, flags) })
    }

    private func isDirectory(_ found: Descriptor, at path: VolumePath) throws(LinuxError) -> Descriptor {
        guard try VolumeEntry(found, at: path).kind == .directory else {
            throw LinuxError(errno: ENOTDIR, "use '\(path)' as a directory")
        }
        return found
    }

    /// Sets what is given; the owner first, since a change of that takes special bits of the mode away.
    func apply(_ attributes: VolumeAttributes, to file: Descriptor, at path: VolumePath) throws(VolumesError) {
        if attributes.uid != nil || attributes.gid != nil,
            clinux_change_owner(file.raw, attributes.uid ?? .max, attributes.gid ?? .max) < 0
        {
            let failure = LinuxError("change the owner of '\(path)'")
            guard failure.code != .notPermitted else {
                throw VolumesError(
                    .denied,
                    """
                    The owner of '\(path)' was not changed: Martlet's daemon has no right to give files away; run it as root, \
                    or leave out 'uid' and 'gid'
                    """
                )
            }
            throw VolumesError(failure, at: path)
        }
        if let mode = attributes.mode {
            try told(path) { () throws(LinuxError) in
                _ = try check("change the mode of '\(path)'") { chmod(file.reopeningPath, mode_t(mode)) }
            }
        }
    }

    func told<Result>(_ path: VolumePath, _ body: () throws(LinuxError) -> Result) throws(VolumesError) -> Result {
        do throws(LinuxError) {
            return try body()
        } catch {
            throw VolumesError(error, at: path)
        }
    }
}
