// A volume in a guest: the kernel asks for files on /dev/fuse, this answers with what the host says.
//
//     program ──► kernel ──/dev/fuse──► MountedVolume ──► VolumeLine ──tunnel──► host (Sources/Volumes/Mounts)
//                                        │ MountedNodes: numbers to paths
//
// All of it is done by the event loop and waits for nothing but the host: a thread of this agent that is itself stuck in the
// mounted files, since a client wants one of them, is not needed to get it going again.

import Glibc
import Linux
import Synchronization
import Wire

/// One mounted volume.
final class MountedVolume: Sendable {
    private let device: Channel
    private let line: VolumeLine
    private let owner: FUSEAnswer.Owner
    let nodes = MountedNodes()
    private let directories = OpenDirectories()
    private let handles = Atomic<UInt64>(1)

    init(device: Channel, line: VolumeLine, owner: FUSEAnswer.Owner) {
        self.device = device
        self.line = line
        self.owner = owner
    }

    /// Answers the kernel until the volume is unmounted or the task is cancelled.
    func run() async throws {
        let turns = AsyncSemaphore(VolumeFrames.inFlight)
        try await withThrowingDiscardingTaskGroup { group in
            while let request = try await next() {
                switch request.operation {
                case .forget(let forgotten):
                    for one in forgotten { nodes.forget(one.node, one.count) }
                case .interrupt: continue
                default:
                    try await turns.take()
                    group.addTask(executorPreference: EventLoop.shared) { [self] in
                        defer { turns.give() }
                        let answer = await answer(request)
                        try await tell(answer.bytes(to: request.id, owner))
                    }
                }
            }
        }
    }

    /// The kernel's next request; nil when there will be none.
    private func next() async throws -> FUSERequest? {
        while true {
            do {
                let bytes = try await device.read(upTo: FUSE.bufferSize)
                guard !bytes.isEmpty else { return nil }
                if let request = FUSERequest(bytes) { return request }
            } catch let error as LinuxError {
                if error.code.rawValue == ENODEV { return nil }
                // The program that asked was killed in the meantime.
                guard error.code == .notFound || error.code.rawValue == EINTR else { throw error }
            }
        }
    }

    private func tell(_ bytes: [UInt8]) async throws {
        do {
            try await device.write(bytes)
        } catch let error as LinuxError where error.code == .notFound {
            // Nobody waits for it any more.
        }
    }

    // MARK: Answers

    private func answer(_ request: FUSERequest) async -> FUSEAnswer {
        do throws(LinuxError) {
            return try await perform(request)
        } catch {
            return .failed(error.code.rawValue)
        }
    }

    private func perform(_ request: FUSERequest) async throws(LinuxError) -> FUSEAnswer {
        let node = request.node
        switch request.operation {
        case .initialize(let major, _, let readAhead):
            guard major == FUSE.major else { throw LinuxError(errno: EPROTO, "speak with this kernel") }
            return .initialized(readAhead: readAhead)
        case .lookUp(let name):
            let path = try path(name, in: node)
            return entry(name, in: node, try attributes(await ask(.attributes(VolumeFile(path)))))
        case .attributes(let handle):
            return .attributes(try attributes(await ask(.attributes(try file(node, handle)))))
        case .change(let change): return try await self.change(node, change)
        case .readLink: return try bytes(await ask(.readLink(try path(node))))
        case .makeLink(let name, let target):
            let path = try path(name, in: node)
            return entry(name, in: node, try await made(.makeLink(path, target: target), path))
        case .makeFile(let name, let mode):
            guard mode & S_IFMT == S_IFREG else { throw LinuxError(errno: EPERM, "make anything but a file") }
            let file = VolumeFile(try path(name, in: node))
            return entry(name, in: node, try await made(.create(file, .exclusive, mode: mode & 0o7777), file.path))
        case .makeDirectory(let name, let mode):
            let path = try path(name, in: node)
            return entry(name, in: node, try await made(.makeDirectory(path, mode: mode & 0o7777), path))
        case .removeFile(let name): return try await remove(name, in: node, VolumeRequest.removeFile)
        case .removeDirectory(let name): return try await remove(name, in: node, VolumeRequest.removeDirectory)
        case .rename(let name, let new, let parent, let flags):
            return try await rename(name, in: node, to: new, in: parent, flags)
        case .addName(let name, let of):
            let path = try path(name, in: node)
            return entry(name, in: node, try await made(.addName(try self.path(of), to: path), path))
        case .open(let flags):
            let handle = nextHandle()
            var file = try file(node)
            file.handle = handle
            try done(await ask(.open(file, Self.access(flags))))
            nodes.opened(node, handle)
            return .opened(handle: handle)
        case .create(let name, let flags, let mode): return try await create(name, in: node, flags, mode)
        case .read(let handle, let offset, let count):
            return try bytes(await ask(.read(try file(node, handle), offset: offset, count: count)))
        case .write(let handle, let offset, let appends, let data):
            let file = try file(node, handle)
            try done(await ask(.write(file, offset: offset, appends: appends, data)))
            return .written(UInt32(data.count))
        case .sync(let handle):
            try done(await ask(.sync(try file(node, handle))))
            return .done
        case .release(let handle):
            nodes.closed(node, handle)
            _ = await ask(.close(handle: handle))
            return .done
        case .openDirectory: return .opened(handle: nextHandle())
        case .readDirectory(let handle, let offset, let count):
            return try await readDirectory(node, handle, offset, count)
        case .releaseDirectory(let handle):
            directories[handle] = nil
            return .done
        case .statistics:
            guard case .statistics(let statistics) = try checked(await ask(.statistics)) else { throw Self.nonsense }
            return .statistics(statistics)
        case .unknown, .forget, .interrupt: throw LinuxError(errno: ENOSYS, "do that")
        }
    }

    private func nextHandle() -> UInt64 { handles.wrappingAdd(1, ordering: .relaxed).newValue }

    private func ask(_ request: VolumeRequest) async -> VolumeLine.Reply { await line.ask(request) }

    private func file(_ node: UInt64, _ handle: UInt64 = 0) throws(LinuxError) -> VolumeFile {
        guard let file = nodes.file(node, handle: handle) else { throw LinuxError(errno: ESTALE, "find a file") }
        return file
    }

    private func path(_ node: UInt64) throws(LinuxError) -> VolumeFilePath {
        guard let path = nodes.path(of: node) else { throw LinuxError(errno: ESTALE, "find a file") }
        return path
    }

    private func path(_ name: [UInt8], in parent: UInt64) throws(LinuxError) -> VolumeFilePath {
        guard name.count <= VolumeFrames.nameLimit else { throw LinuxError(errno: ENAMETOOLONG, "use a name") }
        guard let path = nodes.path(of: name, in: parent) else { throw LinuxError(errno: ENOENT, "find a directory") }
        return path
    }

    private func entry(_ name: [UInt8], in parent: UInt64, _ attributes: NodeAttributes) -> FUSEAnswer {
        .entry(node: nodes.found(name, in: parent, inode: attributes.inode), attributes)
    }

    // MARK: Replies of the host

    private static let nonsense = LinuxError(errno: EIO, "understand the host")

    private func checked(_ reply: VolumeLine.Reply) throws(LinuxError) -> VolumeAnswer {
        if case .failed(let number) = reply.answer { throw LinuxError(errno: number, "use a volume") }
        return reply.answer
    }

    private func done(_ reply: VolumeLine.Reply) throws(LinuxError) {
        guard case .done = try checked(reply) else { throw Self.nonsense }
    }

    private func attributes(_ reply: VolumeLine.Reply) throws(LinuxError) -> NodeAttributes {
        guard case .attributes(let attributes) = try checked(reply) else { throw Self.nonsense }
        return attributes
    }

    private func bytes(_ reply: VolumeLine.Reply) throws(LinuxError) -> FUSEAnswer {
        guard case .bytes(let bytes) = try checked(reply) else { throw Self.nonsense }
        return .bytes(bytes)
    }

    // MARK: What is done once

    /// Makes something; what a first attempt has made, whose answer was lost, is taken for it.
    private func made(_ request: VolumeRequest, _ path: VolumeFilePath) async throws(LinuxError) -> NodeAttributes {
        let reply = await ask(request)
        if reply.wasRepeated, case .failed(EEXIST) = reply.answer {
            return try attributes(await ask(.attributes(VolumeFile(path))))
        }
        return try attributes(reply)
    }

    private func remove(
        _ name: [UInt8],
        in parent: UInt64,
        _ request: (VolumeFilePath) -> VolumeRequest
    ) async throws(LinuxError) -> FUSEAnswer {
        let reply = await ask(request(try path(name, in: parent)))
        if case .failed(ENOENT) = reply.answer, reply.wasRepeated {} else { try done(reply) }
        nodes.removed(name, in: parent)
        return .done
    }

    private func rename(
        _ name: [UInt8],
        in parent: UInt64,
        to new: [UInt8],
        in newParent: UInt64,
        _ flags: UInt32
    ) async throws(LinuxError) -> FUSEAnswer {
        let to = try path(new, in: newParent)
        let reply = await ask(.rename(try path(name, in: parent), to: to, flags: flags))
        if case .failed(ENOENT) = reply.answer, reply.wasRepeated {
            _ = try attributes(await ask(.attributes(VolumeFile(to))))
        } else {
            try done(reply)
        }
        nodes.renamed(name, in: parent, to: new, in: newParent, isExchange: flags & 2 != 0)
        return .done
    }

    private func create(
        _ name: [UInt8],
        in parent: UInt64,
        _ flags: UInt32,
        _ mode: UInt32
    ) async throws(LinuxError) -> FUSEAnswer {
        let handle = nextHandle()
        let file = VolumeFile(try path(name, in: parent), handle: handle)
        let isExclusive = flags & UInt32(O_EXCL) != 0
        let access = Self.access(flags)
        var reply = await ask(.create(file, isExclusive ? access.union(.exclusive) : access, mode: mode & 0o7777))
        if reply.wasRepeated, case .failed(EEXIST) = reply.answer {
            reply = await ask(.create(file, access, mode: mode & 0o7777))
        }
        let attributes = try attributes(reply)
        let node = nodes.found(name, in: parent, inode: attributes.inode)
        nodes.opened(node, handle)
        return .created(node: node, attributes, handle: handle)
    }

    private static func access(_ flags: UInt32) -> VolumeRequest.Access {
        var access: VolumeRequest.Access =
            switch Int32(bitPattern: flags) & O_ACCMODE {
            case O_WRONLY: .write
            case O_RDWR: [.read, .write]
            default: .read
            }
        if Int32(bitPattern: flags) & O_TRUNC != 0, access.contains(.write) { access.insert(.truncate) }
        return access
    }

    /// All files of a volume are one user's here. Who gives one to somebody else, which only root may try, is not told that it
    /// stays where it is: programs that unpack or copy as root would fail at every file.
    private func change(_ node: UInt64, _ change: FUSERequest.Change) async throws(LinuxError) -> FUSEAnswer {
        let file = try file(node, change.handle)
        let request = change.change == VolumeChange() ? VolumeRequest.attributes(file) : .change(file, change.change)
        return .attributes(try attributes(await ask(request)))
    }

    // MARK: Directories

    private func readDirectory(
        _ node: UInt64,
        _ handle: UInt64,
        _ offset: UInt64,
        _ count: UInt32
    ) async throws(LinuxError) -> FUSEAnswer {
        let names: [VolumeAnswer.ListedName]
        if offset > 0, let known = directories[handle] {
            names = known
        } else {
            names = try await list(node)
            directories[handle] = names
        }
        var bytes: [UInt8] = []
        for index in Int(clamping: offset)..<max(Int(clamping: offset), names.count) {
            guard bytes.count + 24 + names[index].name.count + 7 <= Int(count) else { break }
            bytes.append(names[index], next: UInt64(index + 1))
        }
        return .bytes(bytes)
    }

    private func list(_ node: UInt64) async throws(LinuxError) -> [VolumeAnswer.ListedName] {
        let path = try path(node)
        var names = [[0x2E], [0x2E, 0x2E]].map { VolumeAnswer.ListedName(name: $0, inode: node, kind: 4) }
        var after: [UInt8] = []
        while true {
            guard case .names(let more, let isLast) = try checked(await ask(.list(path, after: after))) else {
                throw Self.nonsense
            }
            names += more
            guard !isLast, let last = more.last else { return names }
            after = last.name
        }
    }
}
