import Linux
import Synchronization

/// The streams that are joined with each other now, so that all of them can be ended.
final class JoinedStreams: Sendable {
    private let joined = Mutex<(streams: [UInt64: [any ByteStream]], next: UInt64)>(([:], 0))

    /// Registers streams that belong together, until ``remove(_:)``.
    func add(_ streams: any ByteStream...) -> UInt64 {
        joined.withLock { joined in
            joined.next += 1
            joined.streams[joined.next] = streams
            return joined.next
        }
    }

    func remove(_ key: UInt64) {
        joined.withLock { $0.streams[key] = nil }
    }

    func closeAll() {
        let streams = joined.withLock { $0.streams.values.flatMap { $0 } }
        for stream in streams { stream.close() }
    }
}
