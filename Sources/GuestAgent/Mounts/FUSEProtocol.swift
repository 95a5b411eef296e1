// The kernel's side of a mounted volume: FUSE, protocol 7.31, as /usr/include/linux/fuse.h has it. Numbers are the machine's own,
// which has the lowest byte first.

import Wire

/// Numbers of that protocol.
enum FUSE {
    static let major: UInt32 = 7
    static let minor: UInt32 = 31
    static let root: UInt64 = 1
    static let headerSize = 40
    /// What a buffer for requests must hold: the largest write, and what is before it.
    static let bufferSize = VolumeFrames.pieceLimit + 8192

    /// Of INIT: what this side can do.
    static let features: UInt32 =
        1 << 0  // several reads of one file at once
        | 1 << 3  // opening may empty a file
        | 1 << 5  // writes of more than a page
        | 1 << 12  // cached data goes when a file was changed elsewhere
        | 1 << 18  // look-ups in one directory at once
        | 1 << 22  // more than 32 pages in a request

    /// Of OPEN: closing a file need not be told.
    static let withoutFlush: UInt32 = 1 << 5
    /// Of WRITE: the page cache writes, and so at a place that is known.
    static let isFromCache: UInt32 = 1 << 0

    enum Changed {
        static let mode: UInt32 = 1 << 0
        static let size: UInt32 = 1 << 3
        static let accessed: UInt32 = 1 << 4
        static let modified: UInt32 = 1 << 5
        static let handle: UInt32 = 1 << 6
        static let accessedNow: UInt32 = 1 << 7
        static let modifiedNow: UInt32 = 1 << 8
    }
}
