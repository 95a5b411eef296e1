import Glibc
import Wire

/// What the kernel asks of a file system.
struct FUSERequest: Sendable, Hashable {
    enum Operation: Sendable, Hashable {
        case initialize(major: UInt32, minor: UInt32, readAhead: UInt32)
        case lookUp([UInt8])
        /// Nodes, and how many look-ups of each are over; not answered.
        case forget([Forgotten])
        case attributes(handle: UInt64)
        case change(Change)
        case readLink
        case makeLink([UInt8], target: [UInt8])
        case makeFile([UInt8], mode: UInt32)
        case makeDirectory([UInt8], mode: UInt32)
        case removeFile([UInt8])
        case removeDirectory([UInt8])
        case rename([UInt8], to: [UInt8], in: UInt64, flags: UInt32)
        case addName([UInt8], to: UInt64)
        case open(flags: UInt32)
        case create([UInt8], flags: UInt32, mode: UInt32)
        case read(handle: UInt64, offset: UInt64, count: UInt32)
        case write(handle: UInt64, offset: UInt64, appends: Bool, [UInt8])
        case sync(handle: UInt64)
        case release(handle: UInt64)
        case openDirectory
        case readDirectory(handle: UInt64, offset: UInt64, count: UInt32)
        case releaseDirectory(handle: UInt64)
        case statistics
        /// Not answered: what is asked for comes in its own time.
        case interrupt
        /// Answered with ENOSYS, after which the kernel does without.
        case unknown(UInt32)
    }

    struct Forgotten: Sendable, Hashable {
        let node: UInt64
        let count: UInt64
    }

    struct Change: Sendable, Hashable {
        var handle: UInt64
        /// Without the owner, which stays.
        var change: VolumeChange
    }

    let id: UInt64
    let node: UInt64
    let operation: Operation

    /// Reads a request; nil when it is none.
    init?(_ bytes: [UInt8]) {
        var fields = ByteFields(bytes)
        guard let length: UInt32 = fields.number(), length == bytes.count, let opcode: UInt32 = fields.number(),
            let id: UInt64 = fields.number(), let node: UInt64 = fields.number(), fields.bytes(16) != nil,
            let operation = Self.operation(opcode, node, &fields)
        else { return nil }
        self.id = id
        self.node = node
        self.operation = operation
    }

    private static func operation(_ opcode: UInt32, _ node: UInt64, _ fields: inout ByteFields) -> Operation? {
        switch opcode {
        case 1: return fields.terminated().map(Operation.lookUp)
        case 2: return fields.number().map { .forget([Forgotten(node: node, count: $0)]) }
        case 3:
            guard let flags: UInt32 = fields.number(), fields.bytes(4) != nil, let handle: UInt64 = fields.number()
            else { return nil }
            return .attributes(handle: flags & 1 == 0 ? 0 : handle)
        case 4: return change(&fields)
        case 5: return .readLink
        case 6:
            guard let name = fields.terminated(), let target = fields.terminated() else { return nil }
            return .makeLink(name, target: target)
        case 8:
            guard let mode: UInt32 = fields.number(), fields.bytes(12) != nil, let name = fields.terminated() else {
                return nil
            }
            return .makeFile(name, mode: mode)
        case 9:
            guard let mode: UInt32 = fields.number(), fields.bytes(4) != nil, let name = fields.terminated() else {
                return nil
            }
            return .makeDirectory(name, mode: mode)
        case 10: return fields.terminated().map(Operation.removeFile)
        case 11: return fields.terminated().map(Operation.removeDirectory)
        case 12, 45:
            guard let parent: UInt64 = fields.number() else { return nil }
            var flags: UInt32 = 0
            if opcode == 45 {
                guard let given: UInt32 = fields.number(), fields.bytes(4) != nil else { return nil }
                flags = given
            }
            guard let name = fields.terminated(), let new = fields.terminated() else { return nil }
            return .rename(name, to: new, in: parent, flags: flags)
        case 13:
            guard let node: UInt64 = fields.number(), let name = fields.terminated() else { return nil }
            return .addName(name, to: node)
        case 14: return fields.number().map { .open(flags: $0) }
        case 15:
            guard let (handle, offset, count) = piece(&fields) else { return nil }
            return .read(handle: handle, offset: offset, count: count)
        case 16:
            guard let (handle, offset, count) = piece(&fields), let kind: UInt32 = fields.number(),
                fields.bytes(8) != nil, let flags: UInt32 = fields.number(), fields.bytes(4) != nil,
                let data = fields.bytes(Int(count)), data.count <= VolumeFrames.pieceLimit
            else { return nil }
            let appends = flags & UInt32(O_APPEND) != 0 && kind & FUSE.isFromCache == 0
            return .write(handle: handle, offset: offset, appends: appends, data)
        case 17: return .statistics
        case 18: return fields.number().map { .release(handle: $0) }
        case 20: return fields.number().map { .sync(handle: $0) }
        case 26:
            guard let major: UInt32 = fields.number(), let minor: UInt32 = fields.number(),
                let readAhead: UInt32 = fields.number()
            else { return nil }
            return .initialize(major: major, minor: minor, readAhead: readAhead)
        case 27: return .openDirectory
        case 28:
            guard let (handle, offset, count) = piece(&fields) else { return nil }
            return .readDirectory(handle: handle, offset: offset, count: count)
        case 29: return fields.number().map { .releaseDirectory(handle: $0) }
        case 35:
            guard let flags: UInt32 = fields.number(), let mode: UInt32 = fields.number(), fields.bytes(8) != nil,
                let name = fields.terminated()
            else { return nil }
            return .create(name, flags: flags, mode: mode)
        case 36: return .interrupt
        case 42: return forgets(&fields)
        default: return .unknown(opcode)
        }
    }

    /// What reads and writes of files and directories begin with.
    private static func piece(_ fields: inout ByteFields) -> (UInt64, UInt64, UInt32)? {
        guard let handle: UInt64 = fields.number(), let offset: UInt64 = fields.number(),
            let count: UInt32 = fields.number()
        else { return nil }
        return (handle, offset, count)
    }

    private static func forgets(_ fields: inout ByteFields) -> Operation? {
        guard let count: UInt32 = fields.number(), fields.bytes(4) != nil else { return nil }
        var forgotten: [Forgotten] = []
        for _ in 0..<count {
            guard let node: UInt64 = fields.number(), let count: UInt64 = fields.number() else { return nil }
            forgotten.append(Forgotten(node: node, count: count))
        }
        return .forget(forgotten)
    }

    private static func change(_ fields: inout ByteFields) -> Operation? {
        guard let valid: UInt32 = fields.number(), fields.bytes(4) != nil, let handle: UInt64 = fields.number(),
            let size: UInt64 = fields.number(), fields.bytes(8) != nil, let accessed: Int64 = fields.number(),
            let modified: Int64 = fields.number(), fields.bytes(8) != nil,
            let accessedPart: UInt32 = fields.number(), let modifiedPart: UInt32 = fields.number(),
            fields.bytes(4) != nil, let mode: UInt32 = fields.number(), fields.bytes(16) != nil
        else { return nil }
        func has(_ bit: UInt32) -> Bool { valid & bit != 0 }
        func time(_ given: UInt32, _ isNow: UInt32, _ seconds: Int64, _ part: UInt32) -> VolumeChange.Time? {
            if has(isNow) { return .now }
            return has(given) ? .at(seconds: seconds, nanoseconds: min(part, 999_999_999)) : nil
        }
        let change = VolumeChange(
            mode: has(FUSE.Changed.mode) ? mode & 0o7777 : nil,
            size: has(FUSE.Changed.size) ? size : nil,
            accessed: time(FUSE.Changed.accessed, FUSE.Changed.accessedNow, accessed, accessedPart),
            modified: time(FUSE.Changed.modified, FUSE.Changed.modifiedNow, modified, modifiedPart)
        )
        return .change(Change(handle: has(FUSE.Changed.handle) ? handle : 0, change: change))
    }
}
