import Glibc
import Linux

extension VolumeFiles {
    /// How many entries one answer has at most.
    static let listLimit = 50_000

    /// What is in a directory and, to a depth of more than 1, below it: each directory before what is in it, by name.
    ///
    /// Links are listed and not followed, except one at the path itself.
    func list(_ path: VolumePath, depth: Int, limit: Int = listLimit) throws(VolumesError) -> [VolumeEntry] {
        let start = try told(path) { () throws(LinuxError) in try find(path, followsLast: true) }
        guard try told(path, { () throws(LinuxError) in try VolumeEntry(start, at: path) }).kind == .directory else {
            throw VolumesError(.invalid, "'\(path)' is not a directory")
        }
        var listing = Listing(top: path, limit: limit)
        try listing.add(start, at: path, depth: depth)
        return listing.entries
    }
}

private struct Listing {
    let top: VolumePath
    let limit: Int
    var entries: [VolumeEntry] = []

    mutating func add(_ directory: Descriptor, at path: VolumePath, depth: Int) throws(VolumesError) {
        for name in try Self.names(of: directory, at: path) {
            // A name that is no UTF-8 is shown mended; nobody can ask for it over JSON.
            let child = path.appending(String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
            let number = openat(directory.raw, name, pathOnly | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else {
                // It was removed since its name was read.
                if errno == ENOENT { continue }
                throw VolumesError(LinuxError("look at '\(child)'"), at: child)
            }
            let found = Descriptor(owning: number)
            let entry: VolumeEntry
            do throws(LinuxError) {
                entry = try VolumeEntry(found, at: child)
            } catch {
                throw VolumesError(error, at: child)
            }
            guard entries.count < limit else {
                throw VolumesError(
                    .invalid,
                    "'\(top)' has more than \(limit) entries to this depth; list with a smaller one, or what is below it"
                )
            }
            entries.append(entry)
            if entry.kind == .directory, depth > 1 { try add(found, at: child, depth: depth - 1) }
        }
    }

    private static func names(of directory: Descriptor, at path: VolumePath) throws(VolumesError) -> [[CChar]] {
        do throws(LinuxError) {
            return try directory.names()
        } catch {
            // It was removed since it was found.
            if error.code == .notFound { return [] }
            throw VolumesError(error, at: path)
        }
    }
}
