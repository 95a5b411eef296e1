/// A path from a volume's root, as bytes: names need not be UTF-8. Empty is the root.
package struct VolumeFilePath: Sendable, Hashable {
    package let bytes: [UInt8]

    package static let root = VolumeFilePath(unchecked: [])

    private init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// - Returns: nil for what is no path from the root, or has `.`, `..` or an empty name in it.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count <= VolumeFrames.pathLimit, !bytes.contains(0) else { return nil }
        if !bytes.isEmpty {
            for name in bytes.split(separator: 0x2F, omittingEmptySubsequences: false) {
                guard (1...VolumeFrames.nameLimit).contains(name.count), !name.elementsEqual([0x2E]),
                    !name.elementsEqual([0x2E, 0x2E])
                else { return nil }
            }
        }
        self.bytes = bytes
    }

    /// The directory and the name in it; nil for the root.
    package var split: (parent: VolumeFilePath, name: [UInt8])? {
        if bytes.isEmpty { return nil }
        guard let slash = bytes.lastIndex(of: 0x2F) else { return (.root, bytes) }
        return (VolumeFilePath(unchecked: Array(bytes[..<slash])), Array(bytes[(slash + 1)...]))
    }
}

/// A file by its path, and by how it was opened if it was.
///
/// The host keeps what was opened as long as it can; then a file is used also when it has been renamed or removed since. When it
/// can not any more, the path is opened again, and must lead to the same file.
package struct VolumeFile: Sendable, Hashable {
    package var path: VolumeFilePath
    /// Chosen by the guest; 0 is none.
    package var handle: UInt64
    /// The file's number in its file system; 0 when any will do.
    package var inode: UInt64

    package init(_ path: VolumeFilePath, handle: UInt64 = 0, inode: UInt64 = 0) {
        self.path = path
        self.handle = handle
        self.inode = inode
    }
}

/// What a guest asks of a volume.
package enum VolumeRequest: Sendable, Hashable {
    /// How a file is used.
    package struct Access: OptionSet, Sendable, Hashable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }
        package static let read = Access(rawValue: 1)
        package static let write = Access(rawValue: 2)
        /// Empties the file.
        package static let truncate = Access(rawValue: 4)
        /// Fails when there is something already.
        package static let exclusive = Access(rawValue: 8)
    }

    case attributes(VolumeFile)
    case change(VolumeFile, VolumeChange)
    case readLink(VolumeFilePath)
    case makeLink(VolumeFilePath, target: [UInt8])
    case makeDirectory(VolumeFilePath, mode: UInt32)
    /// Makes a file if there is none, and opens it unless the handle is 0.
    case create(VolumeFile, Access, mode: UInt32)
    case removeFile(VolumeFilePath)
    case removeDirectory(VolumeFilePath)
    /// `flags` are those of renameat2(2).
    case rename(VolumeFilePath, to: VolumeFilePath, flags: UInt32)
    case addName(VolumeFilePath, to: VolumeFilePath)
    case open(VolumeFile, Access)
    case read(VolumeFile, offset: UInt64, count: UInt32)
    /// At the file's end, wherever that is, when `appends`.
    case write(VolumeFile, offset: UInt64, appends: Bool, [UInt8])
    case sync(VolumeFile)
    case close(handle: UInt64)
    /// The names in a directory behind `after`, in the order of their bytes.
    case list(VolumeFilePath, after: [UInt8])
    case statistics
}

/// What of a file is to be different; nil leaves it.
package struct VolumeChange: Sendable, Hashable {
    package enum Time: Sendable, Hashable {
        case now
        case at(seconds: Int64, nanoseconds: UInt32)
    }

    package var mode: UInt32?
    package var size: UInt64?
    package var accessed: Time?
    package var modified: Time?

    package init(mode: UInt32? = nil, size: UInt64? = nil, accessed: Time? = nil, modified: Time? = nil) {
        self.mode = mode
        self.size = size
        self.accessed = accessed
        self.modified = modified
    }
}
