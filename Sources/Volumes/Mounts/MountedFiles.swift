import CLinux
import Glibc
import Linux
import Wire

/// The files of one volume, as the guests that mounted it use them. All of it blocks.
///
/// The guest's kernel has followed all links before it asks, so that here none is followed at all: a path with a link in it is
/// refused. What is on this host beside the volume can not be named.
struct MountedFiles: Sendable {
    let root: Descriptor
    let files = OpenFiles()
    let incoming: IncomingFiles

    func answer(_ request: VolumeRequest) -> VolumeAnswer {
        do throws(LinuxError) {
            return try perform(request)
        } catch {
            return .failed(error.code.rawValue)
        }
    }

    private func perform(_ request: VolumeRequest) throws(LinuxError) -> VolumeAnswer {
        switch request {
        case .attributes(let file): return .attributes(try attributes(of: file))
        case .change(let file, let change): return .attributes(try self.change(file, change))
        case .readLink(let path): return .bytes(try target(of: path))
        case .makeLink(let path, let target):
            let place = try place(path)
            try incoming.admit(0)
            try check("make a link") { symlinkat(target.cString, place.parent.raw, place.name) }
            return .attributes(try attributes(at: place))
        case .makeDirectory(let path, let mode):
            let place = try place(path)
            try incoming.admit(0)
            try check("make a directory") { mkdirat(place.parent.raw, place.name, 0o700) }
            let made = try open(path, O_RDONLY | O_DIRECTORY)
            try check("change a mode") { fchmod(made.raw, mode & Self.modes) }
            return .attributes(try NodeAttributes(made))
        case .create(let file, let access, let mode): return .attributes(try create(file, access, mode))
        case .removeFile(let path):
            let place = try place(path)
            try check("remove a file") { unlinkat(place.parent.raw, place.name, 0) }
        case .removeDirectory(let path):
            let place = try place(path)
            try check("remove a directory") { unlinkat(place.parent.raw, place.name, AT_REMOVEDIR) }
        case .rename(let path, let to, let flags):
            let (old, new) = (try place(path), try place(to))
            guard flags & ~3 == 0 else { throw LinuxError(errno: EINVAL, "rename a file") }
            try check("rename a file") {
                clinux_rename_between(old.parent.raw, old.name, new.parent.raw, new.name, flags)
            }
        case .addName(let path, let to):
            let (old, new) = (try place(path), try place(to))
            try check("give a file another name") { linkat(old.parent.raw, old.name, new.parent.raw, new.name, 0) }
            return .attributes(try attributes(at: new))
        case .open(let file, let access):
            guard !access.contains(.exclusive) else { throw LinuxError(errno: EINVAL, "open a file") }
            files.keep(try openFile(file, access), as: file.handle)
        case .read(let file, let offset, let count): return .bytes(try read(file, offset, count))
        case .write(let file, let offset, let appends, let bytes): try write(file, offset, appends, bytes)
        case .sync(let file):
            let found = try use(file, .read)
            try check("write a file to disk") { fsync(found.raw) }
        case .close(let handle): files.close(handle)
        case .list(let path, let after): return try list(path, after)
        case .statistics: return .statistics(try statistics())
        }
        return .done
    }

    // MARK: Finding

    /// What of a mode a guest may set: nothing that would give a program of the host somebody's rights.
    private static let modes: UInt32 = 0o1777

    private func open(_ path: VolumeFilePath, _ flags: Int32, mode: UInt32 = 0) throws(LinuxError) -> Descriptor {
        let name = path == .root ? [0x2E, 0] : path.bytes.cString
        // A pipe would wait, and a terminal would be taken; neither is made here, but the host may have put one. What is only
        // named must not have these flags.
        let flags = flags | O_NOFOLLOW | (flags & pathOnly == 0 ? O_NONBLOCK | O_NOCTTY : 0)
        return Descriptor(owning: try check("open a file") { clinux_open_below(root.raw, name, flags, mode) })
    }

    /// A directory, and a name in it.
    private func place(_ path: VolumeFilePath) throws(LinuxError) -> (parent: Descriptor, name: [CChar]) {
        guard let (parent, name) = path.split else { throw LinuxError(errno: EBUSY, "use the root so") }
        return (try open(parent, pathOnly | O_DIRECTORY), name.cString)
    }

    /// Opens a file anew, which must be the one that is meant.
    private func openFile(_ file: VolumeFile, _ access: VolumeRequest.Access) throws(LinuxError) -> OpenFiles.File {
        let isWritable = access.contains(.write)
        let isReadable = access.contains(.read) || !isWritable
        let found = try open(file.path, isWritable ? (isReadable ? O_RDWR : O_WRONLY) : O_RDONLY)
        let attributes = try NodeAttributes(found)
        guard file.inode == 0 || file.inode == attributes.inode else { throw LinuxError(errno: ESTALE, "find a file") }
        guard attributes.isFile else {
            throw LinuxError(errno: attributes.isDirectory ? EISDIR : ENXIO, "open a file")
        }
        if access.contains(.truncate) { try check("empty a file") { ftruncate(found.raw, 0) } }
        return OpenFiles.File(descriptor: found, isReadable: isReadable, isWritable: isWritable)
    }

    /// What the guest has open, or its file opened again.
    private func use(_ file: VolumeFile, _ access: VolumeRequest.Access) throws(LinuxError) -> Descriptor {
        if let open = files[file.handle], access.contains(.write) ? open.isWritable : open.isReadable {
            return open.descriptor
        }
        // Without a path it is a file that has none any more.
        guard file.path != .root else { throw LinuxError(errno: ESTALE, "find a file") }
        do throws(LinuxError) {
            let both = try openFile(file, [.read, .write])
            files.keep(both, as: file.handle)
            return both.descriptor
        } catch {
            guard error.code == .denied else { throw error }
            let opened = try openFile(file, access)
            files.keep(opened, as: file.handle)
            return opened.descriptor
        }
    }

    // MARK: Attributes

    private func attributes(of file: VolumeFile) throws(LinuxError) -> NodeAttributes {
        if let open = files[file.handle] { return try NodeAttributes(open.descriptor) }
        return try NodeAttributes(found(file))
    }

    private func found(_ file: VolumeFile) throws(LinuxError) -> Descriptor {
        let found = try open(file.path, pathOnly)
        let inode = try NodeAttributes(found).inode
        guard file.inode == 0 || file.inode == inode else {
            throw LinuxError(errno: ESTALE, "find a file")
        }
        return found
    }

    private func attributes(at place: (parent: Descriptor, name: [CChar])) throws(LinuxError) -> NodeAttributes {
        let found = Descriptor(
            owning: try check("find a file") { openat(place.parent.raw, place.name, pathOnly | O_NOFOLLOW | O_CLOEXEC) }
        )
        return try NodeAttributes(found)
    }

    private func change(_ file: VolumeFile, _ change: VolumeChange) throws(LinuxError) -> NodeAttributes {
        if let size = change.size {
            guard let size = Int(exactly: size) else { throw LinuxError(errno: EFBIG, "change a size") }
            let found = try use(file, .write)
            try check("change a size") { ftruncate(found.raw, size) }
        }
        let found = if let open = files[file.handle] { open.descriptor } else { try self.found(file) }
        if let mode = change.mode {
            try check("change a mode") { chmod(found.reopeningPath, mode & Self.modes) }
        }
        if change.accessed != nil || change.modified != nil {
            let times = [Self.time(change.accessed), Self.time(change.modified)]
            // By its descriptor's name: what the descriptor is open for does not matter so, and a link is changed itself.
            try check("change a time") { utimensat(found.raw, "", times, Self.emptyPath) }
        }
        return try NodeAttributes(found)
    }

    /// The C header has it only for who asks for GNU's own.
    private static let emptyPath: Int32 = 0x1000

    private static func time(_ time: VolumeChange.Time?) -> timespec {
        switch time {
        case nil: timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2)
        case .now: timespec(tv_sec: 0, tv_nsec: (1 << 30) - 1)
        case .at(let seconds, let nanoseconds): timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        }
    }

    private func target(of path: VolumeFilePath) throws(LinuxError) -> [UInt8] {
        let place = try place(path)
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try check("read a link") { readlinkat(place.parent.raw, place.name, &buffer, buffer.count) }
        return buffer.prefix(length).map { UInt8(bitPattern: $0) }
    }

    // MARK: Bytes

    private func create(_ file: VolumeFile, _ access: VolumeRequest.Access, _ mode: UInt32) throws(LinuxError)
        -> NodeAttributes
    {
        let isWritable = access.contains(.write)
        let flags = isWritable ? (access.contains(.read) ? O_RDWR : O_WRONLY) : O_RDONLY
        do throws(LinuxError) {
            try incoming.admit(0)
            let made = try open(file.path, flags | O_CREAT | O_EXCL, mode: 0o600)
            try check("change a mode") { fchmod(made.raw, mode & Self.modes) }
            let kept = OpenFiles.File(
                descriptor: made,
                isReadable: access.contains(.read) || !isWritable,
                isWritable: isWritable
            )
            files.keep(kept, as: file.handle)
            return try NodeAttributes(made)
        } catch {
            guard error.code == .exists, !access.contains(.exclusive) else { throw error }
            var any = file
            any.inode = 0
            let opened = try openFile(any, access)
            files.keep(opened, as: file.handle)
            return try NodeAttributes(opened.descriptor)
        }
    }

    private func read(_ file: VolumeFile, _ offset: UInt64, _ count: UInt32) throws(LinuxError) -> [UInt8] {
        guard let offset = Int(exactly: offset) else { throw LinuxError(errno: EINVAL, "read") }
        let found = try use(file, .read)
        let count = min(Int(count), VolumeFrames.pieceLimit)
        var failure: LinuxError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(LinuxError) {
                while filled < count {
                    let (start, done) = (buffer.baseAddress.map { $0 + filled }, filled)
                    let more = try check("read") { pread(found.raw, start, count - done, offset + done) }
                    if more == 0 { break }
                    filled += more
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    private func write(_ file: VolumeFile, _ offset: UInt64, _ appends: Bool, _ bytes: [UInt8]) throws(LinuxError) {
        guard let offset = Int(exactly: offset), offset <= Int.max - bytes.count else {
            throw LinuxError(errno: EFBIG, "write")
        }
        let found = try use(file, .write)
        try incoming.admit(Int64(bytes.count))
        var done = 0
        while done < bytes.count {
            let start = done
            done += try check("write") {
                bytes.withUnsafeBytes { all in
                    let rest = UnsafeRawBufferPointer(rebasing: all[start...])
                    return appends
                        ? clinux_append(found.raw, rest.baseAddress, rest.count)
                        : pwrite(found.raw, rest.baseAddress, rest.count, offset + start)
                }
            }
        }
    }

    // MARK: Directories

    /// The names that fit into one answer; the guest asks on behind the last.
    private func list(_ path: VolumeFilePath, _ after: [UInt8]) throws(LinuxError) -> VolumeAnswer {
        let directory = try open(path, O_RDONLY | O_DIRECTORY)
        var names: [VolumeAnswer.ListedName] = []
        var size = 0
        for name in try directory.names() {
            let bytes = name.dropLast().map { UInt8(bitPattern: $0) }
            guard after.lexicographicallyPrecedes(bytes) else { continue }
            size += 13 + bytes.count
            if size > VolumeFrames.pieceLimit { return .names(names, isLast: false) }
            var status = stat()
            // It may have gone since; then it is no name of this directory any more.
            guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            let kind = UInt8(truncatingIfNeeded: status.st_mode >> 12)
            names.append(VolumeAnswer.ListedName(name: bytes, inode: UInt64(status.st_ino), kind: kind))
        }
        return .names(names, isLast: true)
    }

    private func statistics() throws(LinuxError) -> VolumeStatistics {
        var status = statvfs()
        let directory = try open(.root, O_RDONLY | O_DIRECTORY)
        try check("look at the disk") { fstatvfs(directory.raw, &status) }
        let size = UInt64(max(1, status.f_frsize))
        let free = UInt64(status.f_bavail)
        return VolumeStatistics(
            blockSize: UInt32(truncatingIfNeeded: size),
            blocks: UInt64(status.f_blocks),
            free: free - min(free, UInt64(incoming.reserve) / size),
            files: UInt64(status.f_files),
            freeFiles: UInt64(status.f_favail)
        )
    }
}

extension [UInt8] {
    /// For a system call; there is no zero in it.
    fileprivate var cString: [CChar] { map { CChar(bitPattern: $0) } + [0] }
}

extension NodeAttributes {
    /// Blocks.
    fileprivate init(_ file: Descriptor) throws(LinuxError) {
        var status = stat()
        try check("look at a file") { fstat(file.raw, &status) }
        self.init(
            inode: UInt64(status.st_ino),
            size: UInt64(clamping: status.st_size),
            blocks: UInt64(clamping: status.st_blocks),
            mode: status.st_mode,
            names: UInt32(truncatingIfNeeded: status.st_nlink),
            accessed: Time(status.st_atim),
            modified: Time(status.st_mtim),
            changed: Time(status.st_ctim)
        )
    }
}

extension NodeAttributes.Time {
    fileprivate init(_ time: timespec) {
        self.init(seconds: Int64(time.tv_sec), nanoseconds: UInt32(truncatingIfNeeded: time.tv_nsec))
    }
}
