import Wire

/// What the kernel is answered.
enum FUSEAnswer: Sendable, Hashable {
    case failed(Int32)
    case done
    case initialized(readAhead: UInt32)
    case entry(node: UInt64, NodeAttributes)
    case attributes(NodeAttributes)
    case opened(handle: UInt64)
    case created(node: UInt64, NodeAttributes, handle: UInt64)
    case written(UInt32)
    case bytes([UInt8])
    case statistics(VolumeStatistics)

    /// The user whose all files of a volume are, in the guest.
    struct Owner: Sendable, Hashable {
        let user: UInt32
        let group: UInt32
    }

    func bytes(to id: UInt64, _ owner: Owner) -> [UInt8] {
        var body: [UInt8] = []
        var error: Int32 = 0
        switch self {
        case .failed(let number): error = -number
        case .done: break
        case .initialized(let readAhead): body = Self.initialization(readAhead)
        case .entry(let node, let attributes): body.append(node, attributes, owner)
        case .attributes(let attributes):
            body.append(number: NodeAttributes.lifetime)
            body.append(number: UInt64(0))
            body.append(attributes, owner)
        case .opened(let handle): body.append(opened: handle)
        case .created(let node, let attributes, let handle):
            body.append(node, attributes, owner)
            body.append(opened: handle)
        case .written(let count):
            body.append(number: count)
            body.append(number: UInt32(0))
        case .bytes(let data): body = data
        case .statistics(let statistics): body.append(statistics)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16 + body.count)
        bytes.append(number: UInt32(16 + body.count))
        bytes.append(number: error)
        bytes.append(number: id)
        return bytes + body
    }

    private static func initialization(_ readAhead: UInt32) -> [UInt8] {
        var body: [UInt8] = []
        for number in [FUSE.major, FUSE.minor, min(readAhead, UInt32(VolumeFrames.pieceLimit)), FUSE.features] {
            body.append(number: number)
        }
        // How many requests that nobody waits for may be open, and with how many it is congested.
        body.append(number: UInt16(16))
        body.append(number: UInt16(12))
        body.append(number: UInt32(VolumeFrames.pieceLimit))
        // Times are as fine as nanoseconds.
        body.append(number: UInt32(1))
        body.append(number: UInt16(VolumeFrames.pieceLimit / 4096))
        body += [UInt8](repeating: 0, count: 2 + 4 + 28)
        return body
    }
}

extension NodeAttributes {
    /// For how many seconds the kernel need not ask again what a file is like. Without it each read of an open file would ask first
    /// whether the file has changed. Whoever names a file asks anyway, see ``nameLifetime``.
    fileprivate static var lifetime: UInt64 { 1 }
    /// For how many seconds it need not ask again what has a name. Other sandboxes may change what a file's name means at any
    /// time, and whoever opens a file sees what it is then; that a directory is there may be known a second late.
    fileprivate var nameLifetime: UInt64 { isDirectory ? 1 : 0 }
}

extension [UInt8] {
    fileprivate mutating func append(_ node: UInt64, _ attributes: NodeAttributes, _ owner: FUSEAnswer.Owner) {
        append(number: node)
        append(number: UInt64(0))
        append(number: attributes.nameLifetime)
        append(number: NodeAttributes.lifetime)
        append(number: UInt64(0))
        append(attributes, owner)
    }

    fileprivate mutating func append(_ attributes: NodeAttributes, _ owner: FUSEAnswer.Owner) {
        append(number: attributes.inode)
        append(number: attributes.size)
        append(number: attributes.blocks)
        let times = [attributes.accessed, attributes.modified, attributes.changed]
        for time in times { append(number: time.seconds) }
        for time in times { append(number: time.nanoseconds) }
        for number in [attributes.mode, attributes.names, owner.user, owner.group, 0, 4096, 0] as [UInt32] {
            append(number: number)
        }
    }

    fileprivate mutating func append(opened handle: UInt64) {
        append(number: handle)
        append(number: FUSE.withoutFlush)
        append(number: UInt32(0))
    }

    fileprivate mutating func append(_ statistics: VolumeStatistics) {
        for number in [statistics.blocks, statistics.free, statistics.free, statistics.files, statistics.freeFiles] {
            append(number: number)
        }
        append(number: statistics.blockSize)
        append(number: UInt32(VolumeFrames.nameLimit))
        append(number: statistics.blockSize)
        self += [UInt8](repeating: 0, count: 28)
    }

    /// One entry of a directory; `next` is where the one behind it is asked for.
    mutating func append(_ name: VolumeAnswer.ListedName, next: UInt64) {
        append(number: name.inode)
        append(number: next)
        append(number: UInt32(name.name.count))
        append(number: UInt32(name.kind))
        self += name.name
        while count % 8 != 0 { append(0) }
    }
}
