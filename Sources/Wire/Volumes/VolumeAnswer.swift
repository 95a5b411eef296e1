/// What a host answers to a ``VolumeRequest``.
package enum VolumeAnswer: Sendable, Hashable {
    /// Linux's number of the error.
    case failed(Int32)
    case done
    case attributes(NodeAttributes)
    /// Bytes of a file, or of a link.
    case bytes([UInt8])
    /// The next names of a directory.
    case names([ListedName], isLast: Bool)
    case statistics(VolumeStatistics)

    package struct ListedName: Sendable, Hashable {
        package var name: [UInt8]
        package var inode: UInt64
        /// As the kernel has it in a directory (`d_type`).
        package var kind: UInt8

        package init(name: [UInt8], inode: UInt64, kind: UInt8) {
            self.name = name
            self.inode = inode
            self.kind = kind
        }
    }
}

/// What is known of a file besides its name.
package struct NodeAttributes: Sendable, Hashable {
    package struct Time: Sendable, Hashable {
        package var seconds: Int64
        package var nanoseconds: UInt32

        package init(seconds: Int64, nanoseconds: UInt32) {
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    package var inode: UInt64
    package var size: UInt64
    /// Of 512 bytes.
    package var blocks: UInt64
    /// With the kind of file.
    package var mode: UInt32
    package var names: UInt32
    package var accessed: Time
    package var modified: Time
    package var changed: Time

    package init(
        inode: UInt64,
        size: UInt64,
        blocks: UInt64,
        mode: UInt32,
        names: UInt32,
        accessed: Time,
        modified: Time,
        changed: Time
    ) {
        self.inode = inode
        self.size = size
        self.blocks = blocks
        self.mode = mode
        self.names = names
        self.accessed = accessed
        self.modified = modified
        self.changed = changed
    }

    package var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    package var isFile: Bool { mode & 0o170000 == 0o100000 }
}

/// How much room there is.
package struct VolumeStatistics: Sendable, Hashable {
    package var blockSize: UInt32
    package var blocks: UInt64
    package var free: UInt64
    package var files: UInt64
    package var freeFiles: UInt64

    package init(blockSize: UInt32, blocks: UInt64, free: UInt64, files: UInt64, freeFiles: UInt64) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.free = free
        self.files = files
        self.freeFiles = freeFiles
    }
}
