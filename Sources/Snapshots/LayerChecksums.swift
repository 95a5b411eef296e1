import Glibc
import Linux
import Synchronization

/// Checksums of disk layers, remembered as long as a layer is not written to.
///
/// A sandbox that is paused again and again keeps its lower layers; without this every pause would read all of its disk.
final class LayerChecksums: Sendable {
    /// A file as it was: one that is written to is another.
    private struct State: Hashable {
        let device: UInt
        let node: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    /// More than are in use; what is lost is computed again.
    private static let limit = 4096

    private let known = Mutex<[State: UInt32]>([:])

    /// The checksum of a layer that nobody writes to, and its size. Blocks.
    func checksum(of path: String) throws -> (checksum: UInt32, size: Int64) {
        let before = try Self.state(path)
        if let value = known.withLock({ $0[before] }) { return (value, Int64(before.size)) }
        let value = try Checksum(ofFile: path).value
        guard try Self.state(path) == before else {
            throw SnapshotError(.failed, "The disk layer '\(path)' was written to while it was saved")
        }
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[before] = value
        }
        return (value, Int64(before.size))
    }

    private static func state(_ path: String) throws -> State {
        var status = stat()
        try check("look at '\(path)'") { stat(path, &status) }
        return State(
            device: UInt(status.st_dev),
            node: UInt(status.st_ino),
            size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
    }
}
