// How requests are written on the wire. The numbers of the cases never change.

extension VolumeRequest {
    /// Reads what a guest sent; nil when it is no request.
    package init?(_ bytes: [UInt8]) {
        var fields = ByteFields(bytes)
        guard let number: UInt8 = fields.number(), let request = Self.read(number, &fields), fields.isAtEnd else {
            return nil
        }
        self = request
    }

    private static func read(_ number: UInt8, _ fields: inout ByteFields) -> VolumeRequest? {
        switch number {
        case 1: fields.file().map(attributes)
        case 2: pair(fields.file(), fields.change()).map(change)
        case 3: fields.path().map(readLink)
        case 4: pair(fields.path(), fields.counted(upTo: VolumeFrames.pathLimit)).map { makeLink($0, target: $1) }
        case 5: pair(fields.path(), fields.number()).map { makeDirectory($0, mode: $1) }
        case 6: pair(pair(fields.file(), fields.access()), fields.number()).map { create($0.0, $0.1, mode: $1) }
        case 7: fields.path().map(removeFile)
        case 8: fields.path().map(removeDirectory)
        case 9: pair(pair(fields.path(), fields.path()), fields.number()).map { rename($0.0, to: $0.1, flags: $1) }
        case 10: pair(fields.path(), fields.path()).map { addName($0, to: $1) }
        case 11: pair(fields.file(), fields.access()).map(open)
        case 12: pair(fields.file(), pair(fields.number(), fields.number())).map { read($0, offset: $1.0, count: $1.1) }
        case 13:
            pair(pair(fields.file(), fields.number()), pair(fields.flag(), fields.piece())).map {
                write($0.0, offset: $0.1, appends: $1.0, $1.1)
            }
        case 14: fields.file().map(sync)
        case 15: fields.number().map { close(handle: $0) }
        case 16: pair(fields.path(), fields.counted(upTo: VolumeFrames.nameLimit)).map { list($0, after: $1) }
        case 17: statistics
        default: nil
        }
    }

    private static func pair<One, Other>(_ one: One?, _ other: Other?) -> (One, Other)? {
        guard let one, let other else { return nil }
        return (one, other)
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .attributes(let file): bytes.append(1, file)
        case .change(let file, let change):
            bytes.append(2, file)
            bytes.append(change)
        case .readLink(let path): bytes.append(3, path)
        case .makeLink(let path, let target):
            bytes.append(4, path)
            bytes.append(counted: target)
        case .makeDirectory(let path, let mode):
            bytes.append(5, path)
            bytes.append(number: mode)
        case .create(let file, let access, let mode):
            bytes.append(6, file)
            bytes.append(access.rawValue)
            bytes.append(number: mode)
        case .removeFile(let path): bytes.append(7, path)
        case .removeDirectory(let path): bytes.append(8, path)
        case .rename(let path, let to, let flags):
            bytes.append(9, path)
            bytes.append(counted: to.bytes)
            bytes.append(number: flags)
        case .addName(let path, let to):
            bytes.append(10, path)
            bytes.append(counted: to.bytes)
        case .open(let file, let access):
            bytes.append(11, file)
            bytes.append(access.rawValue)
        case .read(let file, let offset, let count):
            bytes.append(12, file)
            bytes.append(number: offset)
            bytes.append(number: count)
        case .write(let file, let offset, let appends, let data):
            bytes.reserveCapacity(data.count + file.path.bytes.count + 64)
            bytes.append(13, file)
            bytes.append(number: offset)
            bytes.append(appends ? 1 : 0)
            bytes.append(counted: data)
        case .sync(let file): bytes.append(14, file)
        case .close(let handle):
            bytes.append(15)
            bytes.append(number: handle)
        case .list(let path, let after):
            bytes.append(16, path)
            bytes.append(counted: after)
        case .statistics: bytes.append(17)
        }
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ number: UInt8, _ path: VolumeFilePath) {
        append(number)
        append(counted: path.bytes)
    }

    fileprivate mutating func append(_ number: UInt8, _ file: VolumeFile) {
        append(number, file.path)
        append(number: file.handle)
        append(number: file.inode)
    }

    fileprivate mutating func append(_ change: VolumeChange) {
        append(change.mode == nil ? 0 : 1)
        append(number: change.mode ?? 0)
        append(change.size == nil ? 0 : 1)
        append(number: change.size ?? 0)
        for time in [change.accessed, change.modified] {
            switch time {
            case nil: append(0)
            case .now: append(1)
            case .at(let seconds, let nanoseconds):
                append(2)
                append(number: seconds)
                append(number: nanoseconds)
            }
        }
    }
}

extension ByteFields {
    fileprivate mutating func path() -> VolumeFilePath? {
        counted(upTo: VolumeFrames.pathLimit).flatMap(VolumeFilePath.init)
    }

    fileprivate mutating func file() -> VolumeFile? {
        guard let path = path(), let handle: UInt64 = number(), let inode: UInt64 = number() else { return nil }
        return VolumeFile(path, handle: handle, inode: inode)
    }

    fileprivate mutating func piece() -> [UInt8]? { counted(upTo: VolumeFrames.pieceLimit) }

    fileprivate mutating func flag() -> Bool? {
        switch number(UInt8.self) {
        case 0: false
        case 1: true
        default: nil
        }
    }

    fileprivate mutating func access() -> VolumeRequest.Access? {
        guard let bits: UInt8 = number(), bits < 16 else { return nil }
        return VolumeRequest.Access(rawValue: bits)
    }

    fileprivate mutating func change() -> VolumeChange? {
        guard let hasMode = flag(), let mode: UInt32 = number(), let hasSize = flag(), let size: UInt64 = number(),
            let accessed = time(), let modified = time()
        else { return nil }
        return VolumeChange(
            mode: hasMode ? mode : nil,
            size: hasSize ? size : nil,
            accessed: accessed,
            modified: modified
        )
    }

    /// The outer nil is for bytes that are none.
    private mutating func time() -> VolumeChange.Time?? {
        switch number(UInt8.self) {
        case 0: return .some(nil)
        case 1: return .now
        case 2:
            guard let seconds: Int64 = number(), let nanoseconds: UInt32 = number(), nanoseconds < 1_000_000_000 else {
                return nil
            }
            return .at(seconds: seconds, nanoseconds: nanoseconds)
        default: return nil
        }
    }
}
