import Synchronization
import TLS

/// A digest that is made where the bytes pass by, and read where they came from.
final class SharedDigest: Sendable {
    private let digest: Mutex<RunningDigest>

    init() { digest = Mutex(RunningDigest()) }

    private init(_ digest: consuming sending RunningDigest) { self.digest = Mutex(digest) }

    /// One that goes on from here, and leaves this one as it is.
    func copy() -> SharedDigest { SharedDigest(digest.withLock { RunningDigest(copying: $0) }) }

    func add(_ bytes: [UInt8]) { digest.withLock { $0.add(bytes) } }

    var value: [UInt8] { digest.withLock { $0.value() } }
}
