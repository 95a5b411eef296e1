import Glibc
import Linux

/// Mounting, with the place made first.
enum Mounts {
    /// Mounts `source` at `place`.
    static func mount(
        _ source: String,
        _ place: String,
        _ type: String?,
        _ flags: UInt,
        _ options: String = ""
    ) throws(LinuxError) {
        if place != "/" { try directory(place) }
        try check("mount '\(place)'") { Glibc.mount(source, place, type, flags, options) }
    }

    /// Makes a directory if there is none.
    static func directory(_ path: String) throws(LinuxError) {
        if mkdir(path, 0o755) < 0, errno != EEXIST { throw LinuxError("make the directory '\(path)'") }
    }
}

/// The flags of mount(2), which the C header has only as an anonymous enumeration.
enum MountFlags {
    static let noSetUID: UInt = 2
    static let noDevices: UInt = 4
    static let noExecution: UInt = 8
    static let noAccessTimes: UInt = 1024
    static let move: UInt = 8192
}
