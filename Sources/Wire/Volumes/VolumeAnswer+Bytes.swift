// How answers are written on the wire. The numbers of the cases never change.

extension VolumeAnswer {
    /// Reads what a host sent; nil when it is no answer.
    package init?(_ bytes: [UInt8]) {
        var fields = ByteFields(bytes)
        guard let number: UInt8 = fields.number(), let answer = Self.read(number, &fields), fields.isAtEnd else {
            return nil
        }
        self = answer
    }

    private static func read(_ number: UInt8, _ fields: inout ByteFields) -> VolumeAnswer? {
        switch number {
        case 0: fields.number(Int32.self).flatMap { $0 > 0 ? failed($0) : nil }
        case 1: done
        case 2: fields.attributes().map(attributes)
        case 3: bytes(fields.rest())
        case 4: fields.names(isLast: false)
        case 5: fields.names(isLast: true)
        case 6: fields.statistics().map(statistics)
        default: nil
        }
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .failed(let number):
            bytes.append(0)
            bytes.append(number: number)
        case .done: bytes.append(1)
        case .attributes(let attributes):
            bytes.append(2)
            bytes.append(attributes)
        case .bytes(let data):
            bytes.reserveCapacity(1 + data.count)
            bytes.append(3)
            bytes += data
        case .names(let names, let isLast):
            bytes.append(isLast ? 5 : 4)
            for name in names {
                bytes.append(number: name.inode)
                bytes.append(name.kind)
                bytes.append(counted: name.name)
            }
        case .statistics(let statistics):
            bytes.append(6)
            bytes.append(number: statistics.blockSize)
            for number in [statistics.blocks, statistics.free, statistics.files, statistics.freeFiles] {
                bytes.append(number: number)
            }
        }
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ attributes: NodeAttributes) {
        append(number: attributes.inode)
        append(number: attributes.size)
        append(number: attributes.blocks)
        append(number: attributes.mode)
        append(number: attributes.names)
        for time in [attributes.accessed, attributes.modified, attributes.changed] {
            append(number: time.seconds)
            append(number: time.nanoseconds)
        }
    }
}

extension ByteFields {
    fileprivate mutating func attributes() -> NodeAttributes? {
        guard let inode: UInt64 = number(), let size: UInt64 = number(), let blocks: UInt64 = number(),
            let mode: UInt32 = number(), let names: UInt32 = number(), let accessed = time(), let modified = time(),
            let changed = time()
        else { return nil }
        return NodeAttributes(
            inode: inode,
            size: size,
            blocks: blocks,
            mode: mode,
            names: names,
            accessed: accessed,
            modified: modified,
            changed: changed
        )
    }

    private mutating func time() -> NodeAttributes.Time? {
        guard let seconds: Int64 = number(), let nanoseconds: UInt32 = number() else { return nil }
        return NodeAttributes.Time(seconds: seconds, nanoseconds: nanoseconds)
    }

    fileprivate mutating func names(isLast: Bool) -> VolumeAnswer? {
        var names: [VolumeAnswer.ListedName] = []
        while !isAtEnd {
            guard let inode: UInt64 = number(), let kind: UInt8 = number(),
                let name = counted(upTo: VolumeFrames.nameLimit), !name.isEmpty
            else { return nil }
            names.append(VolumeAnswer.ListedName(name: name, inode: inode, kind: kind))
        }
        return .names(names, isLast: isLast)
    }

    fileprivate mutating func statistics() -> VolumeStatistics? {
        guard let blockSize: UInt32 = number(), let blocks: UInt64 = number(), let free: UInt64 = number(),
            let files: UInt64 = number(), let freeFiles: UInt64 = number()
        else { return nil }
        return VolumeStatistics(blockSize: blockSize, blocks: blocks, free: free, files: files, freeFiles: freeFiles)
    }
}
