import CLinux
import Glibc
import Linux
import Wire

/// A directory, and if wanted all below it, as inotify sees them. A value: its owner lets one caller at a time in.
///
/// A new directory is watched when the news of it is read. What was made in it before that moment is found by looking, and
/// told as if it had just been made.
struct WatchedTree {
    private struct Place {
        /// Relative to the root; empty for the root itself.
        var path: String
        /// What was found by looking: inotify may still tell of it.
        var found: Set<String> = []
    }

    private let root: String
    private let isRecursive: Bool
    private let descriptor: Descriptor
    private var places: [Int32: Place] = [:]

    /// How many directories one watcher may watch; each costs the kernel about a kilobyte.
    private static let limit = 16_384
    private static let mask =
        IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF
        | IN_ONLYDIR

    /// Begins to watch.
    ///
    /// - Parameter descriptor: of inotify; read by the owner.
    init(_ root: String, isRecursive: Bool, _ descriptor: Descriptor) throws(CallError) {
        self.root = root
        self.isRecursive = isRecursive
        self.descriptor = descriptor
        var before = Changes()
        try watch("", isNew: false, &before)
    }

    /// What is read out of one batch of news.
    struct Changes {
        var list: [(name: String, kind: FileChange.Kind)] = []
        /// Whether the kernel, or the list, had no room for some.
        var haveGaps = false

        static let limit = 10_000

        mutating func add(_ name: String, _ kind: FileChange.Kind) {
            if list.count < Self.limit { list.append((name, kind)) } else { haveGaps = true }
        }
    }

    // MARK: Reading

    /// Takes the kernel's records apart.
    mutating func read(_ records: [UInt8], into changes: inout Changes) throws(CallError) {
        var offset = 0
        let headSize = MemoryLayout<inotify_event>.size
        while offset + headSize <= records.count {
            let (wd, mask, length) = records.withUnsafeBytes { bytes in
                (
                    bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self),
                    bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self),
                    Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                )
            }
            let name = records[(offset + headSize)..<min(offset + headSize + length, records.count)]
            offset += headSize + length
            try take(wd, mask, String(decoding: name.prefix { $0 != 0 }, as: UTF8.self), &changes)
        }
    }

    private mutating func take(
        _ wd: Int32,
        _ mask: UInt32,
        _ name: String,
        _ changes: inout Changes
    ) throws(CallError) {
        func has(_ bits: Int32) -> Bool { mask & UInt32(bitPattern: bits) != 0 }
        if has(IN_Q_OVERFLOW) { changes.haveGaps = true }
        guard var place = places[wd] else { return }
        if has(IN_IGNORED) {
            places[wd] = nil
            return
        }
        if name.isEmpty { return takeOwn(place, has, &changes) }
        let path = Self.join(place.path, name)
        let wasFound = place.found.contains(name)
        if has(IN_CREATE) || has(IN_DELETE) || has(IN_MOVED_FROM) || has(IN_MOVED_TO) {
            place.found.remove(name)
            places[wd] = place
        }
        let isDirectory = has(IN_ISDIR)
        if has(IN_CREATE) || has(IN_MOVED_TO) {
            if !wasFound { changes.add(path, .create) }
            if isDirectory, isRecursive, !wasFound { try? watch(path, isNew: true, &changes) }
        }
        if has(IN_MODIFY) { changes.add(path, .write) }
        if has(IN_ATTRIB) { changes.add(path, .chmod) }
        if has(IN_DELETE) { changes.add(path, .remove) }
        if has(IN_MOVED_FROM) {
            changes.add(path, .rename)
            if isDirectory { forget(path) }
        }
    }

    /// News of a watched directory itself. Of all but the root, its parent tells them as well.
    private func takeOwn(_ place: Place, _ has: (Int32) -> Bool, _ changes: inout Changes) {
        guard place.path.isEmpty else { return }
        if has(IN_ATTRIB) { changes.add(".", .chmod) }
        if has(IN_DELETE_SELF) { changes.add(".", .remove) }
        if has(IN_MOVE_SELF) { changes.add(".", .rename) }
    }

    /// Stops watching a directory that has left the tree, with all below it.
    private mutating func forget(_ path: String) {
        for (wd, place) in places where place.path == path || place.path.hasPrefix("\(path)/") {
            inotify_rm_watch(descriptor.raw, wd)
            places[wd] = nil
        }
    }

    // MARK: Watching

    /// Watches a directory and, in a recursive tree, all below; what is in a new one is told.
    private mutating func watch(_ path: String, isNew: Bool, _ changes: inout Changes) throws(CallError) {
        let whole = Self.join(root, path)
        guard places.count < Self.limit else {
            throw CallError(.resourceExhausted, "A watcher can not watch more than \(Self.limit) directories")
        }
        // Links are not followed below the root: one that leads upwards would never end.
        let mask = UInt32(bitPattern: path.isEmpty ? Self.mask : Self.mask | IN_DONT_FOLLOW)
        let wd = inotify_add_watch(descriptor.raw, whole, mask)
        guard wd >= 0 else { throw Self.refusal(path.isEmpty ? root : whole) }
        places[wd] = Place(path: path)
        guard isRecursive else { return }
        for name in (try? Directory.names(whole)) ?? [] {
            let child = Self.join(path, name)
            var status = stat()
            guard lstat(Self.join(root, child), &status) == 0 else { continue }
            let isDirectory = status.st_mode & S_IFMT == S_IFDIR
            if isNew {
                places[wd]?.found.insert(name)
                changes.add(child, .create)
                if status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 { changes.add(child, .write) }
            }
            if isDirectory { try watch(child, isNew: isNew, &changes) }
        }
    }

    private static func refusal(_ path: String) -> CallError {
        switch errno {
        case ENOTDIR: CallError(.invalidArgument, "path '\(path)' is not a directory")
        case ENOSPC: CallError(.resourceExhausted, "The guest can not watch any more directories")
        default: CallError(LinuxError("watch '\(path)'"), path)
        }
    }

    private static func join(_ path: String, _ name: String) -> String {
        if name.isEmpty { return path }
        return path.isEmpty || path.hasSuffix("/") ? path + name : "\(path)/\(name)"
    }
}
