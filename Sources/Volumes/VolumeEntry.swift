import CLinux
import FoundationEssentials
import Glibc
import Linux

/// What stands at a path of a volume.
package struct VolumeEntry: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case file, directory
        /// A link, and what is written in it.
        case link(target: String)
        case other
    }

    package let path: VolumePath
    package let kind: Kind
    package let size: Int64
    /// Without the kind: twelve bits.
    package let mode: UInt32
    package let uid: UInt32
    package let gid: UInt32
    package let accessed: Date
    package let modified: Date
    package let changed: Date

    /// Describes what a descriptor names; a link that was not followed is described itself. Blocks.
    init(_ file: Descriptor, at path: VolumePath) throws(LinuxError) {
        var status = stat()
        try check("look at '\(path)'") { fstat(file.raw, &status) }
        self.path = path
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .link(target: try Self.target(of: file, at: path))
            default: .other
            }
        size = Int64(status.st_size)
        mode = status.st_mode & 0o7777
        uid = status.st_uid
        gid = status.st_gid
        accessed = Self.date(status.st_atim)
        modified = Self.date(status.st_mtim)
        changed = Self.date(status.st_ctim)
    }

    private static func date(_ time: timespec) -> Date {
        Date(timeIntervalSince1970: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9)
    }

    private static func target(of link: Descriptor, at path: VolumePath) throws(LinuxError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = try check("read the link '\(path)'") { readlinkat(link.raw, "", &buffer, buffer.count) }
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What of an entry a client may set; nil leaves it to the rule of the call.
package struct VolumeAttributes: Sendable, Hashable {
    package var mode: UInt32?
    package var uid: UInt32?
    package var gid: UInt32?

    package init(mode: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil) {
        self.mode = mode
        self.uid = uid
        self.gid = gid
    }
}
