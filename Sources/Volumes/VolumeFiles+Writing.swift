import Glibc
import Linux

extension VolumeFiles {
    /// Refuses what could not be put in its place anyway, before any byte of it has come.
    func checkTarget(_ path: VolumePath, makesParents: Bool) throws(VolumesError) {
        if path.isRoot { throw VolumesError(.invalid, "'/' is a directory") }
        _ = try directory(path.parent, isMade: makesParents)
        if try standing(at: path)?.kind == .directory { throw VolumesError(.invalid, "'\(path)' is a directory") }
    }

    /// Puts a file in its place, where it replaces a file or a link. What the attributes leave open stays as the replaced file
    /// has it.
    func place(
        _ incoming: IncomingFile,
        at path: VolumePath,
        _ attributes: VolumeAttributes,
        makesParents: Bool
    ) throws(VolumesError) -> VolumeEntry {
        let old = try standing(at: path).flatMap { $0.kind == .file ? $0 : nil }
        if let old, old.uid != geteuid() || old.gid != getegid() {
            // To keep the owner is not asked for; where it is not possible, the file is the daemon's.
            try? apply(VolumeAttributes(uid: old.uid, gid: old.gid), to: incoming.file, at: path)
        }
        var attributes = attributes
        attributes.mode = attributes.mode ?? old?.mode ?? Self.fileMode
        try apply(attributes, to: incoming.file, at: path)
        // Found only now: what was there at the beginning may be elsewhere by the time the last byte has come.
        let parent = try directory(path.parent, isMade: makesParents)
        return try told(path) { () throws(LinuxError) in
            try incoming.place(at: path.name, in: parent)
            return try VolumeEntry(incoming.file, at: path)
        }
    }

    /// What stands at a path; nil when there is nothing.
    private func standing(at path: VolumePath) throws(VolumesError) -> VolumeEntry? {
        do throws(VolumesError) {
            return try entry(at: path)
        } catch {
            if error.code == .pathNotFound { return nil }
            throw error
        }
    }
}
