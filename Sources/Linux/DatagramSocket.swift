import CLinux
import Glibc
import Synchronization

/// A UDP socket that answers whoever asks, over IPv4.
package final class DatagramSocket: Sendable {
    /// Who sent a message, and so where its answer goes.
    package struct Peer: Sendable {
        fileprivate var address = sockaddr_in()
    }

    private let descriptor: Descriptor
    /// Each call is made with this held, so that none can meet a number that was closed and given away again.
    private let isOpen = Mutex<Bool>(true)
    private let readiness = Readiness()
    private let token: UInt64
    private let loop: EventLoop
    /// Host and port, with the port that the kernel chose if it was asked to.
    package let address: SocketAddress

    /// - Parameter requested: a ``SocketAddress/tcp(_:_:)``: host and port are written alike.
    package init(_ requested: SocketAddress, on loop: EventLoop = .shared) throws(LinuxError) {
        let descriptor = try requested.withRaw { (family, raw, size) throws(LinuxError) in
            let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let descriptor = Descriptor(owning: try check("make a socket") { socket(family, kind, 0) })
            try check("receive at \(requested)") { bind(descriptor.raw, raw, size) }
            return descriptor
        }
        self.descriptor = descriptor
        self.loop = loop
        address = try descriptor.boundAddress(requested)
        token = try loop.add(readiness, for: descriptor, EPOLLIN.rawValue)
    }

    /// Waits for the next message; one task at a time. Of a longer message the end is cut off.
    package func receive(upTo count: Int) async throws -> (message: [UInt8], peer: Peer) {
        while true {
            readiness.clear()
            var peer = Peer()
            var failure: Int32 = 0
            let message = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = isOpen.withLock { isOpen in
                    guard isOpen else {
                        failure = EBADF
                        return 0
                    }
                    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
                    let result = withUnsafeMutablePointer(to: &peer.address) { pointer in
                        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            recvfrom(descriptor.raw, buffer.baseAddress, count, 0, $0, &size)
                        }
                    }
                    if result < 0 { failure = errno }
                    return max(0, result)
                }
            }
            switch failure {
            case 0: return (message, peer)
            case EAGAIN: try await readiness.wait()
            // A peer of an earlier answer has gone.
            case EINTR, ECONNREFUSED: continue
            default: throw LinuxError(errno: failure, "receive at \(address)")
            }
        }
    }

    /// Sends a message, or loses it, as messages of this kind are lost.
    package func send(_ message: [UInt8], to peer: Peer) {
        var raw = peer.address
        isOpen.withLock { isOpen in
            guard isOpen else { return }
            _ = withUnsafePointer(to: &raw) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(
                        descriptor.raw,
                        message,
                        message.count,
                        Int32(MSG_NOSIGNAL),
                        $0,
                        socklen_t(MemoryLayout<sockaddr_in>.size)
                    )
                }
            }
        }
    }

    package func close() {
        let wasOpen = isOpen.withLock { isOpen in
            guard isOpen else { return false }
            isOpen = false
            loop.remove(token, from: descriptor)
            descriptor.close()
            return true
        }
        if wasOpen { readiness.close() }
    }

    deinit {
        close()
    }
}
