import CLinux
import Glibc
import Synchronization

/// A listening socket.
package final class Listener: Sendable {
    private let descriptor: Descriptor
    /// Each accept is made with this held, so that none can meet a number that was closed and given away again.
    private let isOpen = Mutex<Bool>(true)
    private let readiness = Readiness()
    private let token: UInt64
    private let loop: EventLoop
    /// Where it listens; with the port that the kernel chose, if it was asked to.
    package let address: SocketAddress

    /// Binds and listens. A unix socket's path must not exist; its mode becomes 0600.
    package init(_ requested: SocketAddress, backlog: Int32 = 512, on loop: EventLoop = .shared) throws(LinuxError) {
        let descriptor = try requested.withRaw { (family, raw, size) throws(LinuxError) in
            let descriptor = try Descriptor.socket(family)
            var one: Int32 = 1
            setsockopt(descriptor.raw, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
            try check("listen on \(requested)") { bind(descriptor.raw, raw, size) }
            if case .unix(let path) = requested { try check("protect '\(path)'") { chmod(path, 0o600) } }
            try check("listen on \(requested)") { listen(descriptor.raw, backlog) }
            return descriptor
        }
        self.descriptor = descriptor
        self.loop = loop
        address = try descriptor.boundAddress(requested)
        token = try loop.add(readiness, for: descriptor, EPOLLIN.rawValue)
    }

    /// Waits for the next connection.
    package func accept() async throws -> Channel {
        while true {
            readiness.clear()
            let (accepted, failure) = isOpen.withLock { isOpen -> (Int32, Int32) in
                guard isOpen else { return (-1, EBADF) }
                let accepted = clinux_accept(descriptor.raw)
                return (accepted, errno)
            }
            if accepted >= 0 {
                let connection = Descriptor(owning: accepted)
                if case .tcp = address { connection.sendWithoutDelay() }
                return try Channel(connection, on: loop)
            }
            switch failure {
            case EAGAIN: try await readiness.wait()
            // The peer gave up before it was accepted, or a signal came: the next one may be fine.
            case ECONNABORTED, EINTR, EPROTO: continue
            // Out of descriptors or memory: others must end first, so do not spin.
            case EMFILE, ENFILE, ENOBUFS, ENOMEM: try await loop.sleep(for: .milliseconds(20))
            case let number: throw LinuxError(errno: number, "accept a connection on \(address)")
            }
        }
    }

    /// Gives this listener every new TCP connection of the machine's network, whatever address and port it is for, but for those
    /// to the loopback and to `address`; ``Channel/localAddress()`` of each says what it was meant for.
    ///
    /// - Returns: what keeps it so, until it is closed.
    package func takeEveryConnection(butTo address: UInt32) throws(LinuxError) -> Descriptor {
        Descriptor(
            owning: try check("take every connection") { clinux_take_connections(descriptor.raw, address) }
        )
    }

    /// Stops listening and removes the socket's path; whoever waits in ``accept()`` gets an error.
    package func close() {
        let wasOpen = isOpen.withLock { isOpen in
            guard isOpen else { return false }
            isOpen = false
            // Before the descriptor goes: afterwards the path may already be another listener's.
            if case .unix(let path) = address { unlink(path) }
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

extension Channel {
    /// Connects a stream socket.
    package static func connect(to address: SocketAddress, on loop: EventLoop = .shared) async throws -> Channel {
        let (descriptor, isPending) = try await beginConnecting(to: address)
        let channel = try Channel(descriptor, on: loop)
        if isPending {
            try await channel.waitUntilWritable()
            var failure: Int32 = 0
            var size = socklen_t(MemoryLayout<Int32>.size)
            getsockopt(descriptor.raw, SOL_SOCKET, SO_ERROR, &failure, &size)
            if failure != 0 {
                channel.close()
                throw LinuxError(errno: failure, "connect to \(address)")
            }
        }
        return channel
    }

    private static func beginConnecting(to address: SocketAddress) async throws -> (Descriptor, isPending: Bool) {
        while true {
            let begun: (Descriptor, Bool)? = try address.withRaw { (family, raw, size) throws(LinuxError) in
                let descriptor = try Descriptor.socket(family)
                if case .tcp = address { descriptor.sendWithoutDelay() }
                if Glibc.connect(descriptor.raw, raw, size) == 0 { return (descriptor, false) }
                switch errno {
                case EINPROGRESS: return (descriptor, true)
                // A unix socket whose queue is full; nothing tells when there is room again.
                case EAGAIN: return nil
                case let number: throw LinuxError(errno: number, "connect to \(address)")
                }
            }
            if let begun { return begun }
            try await EventLoop.shared.sleep(for: .milliseconds(5))
        }
    }
}

extension Descriptor {
    static func socket(_ family: Int32) throws(LinuxError) -> Descriptor {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        return Descriptor(owning: try check("make a socket") { Glibc.socket(family, kind, 0) })
    }

    /// Small writes leave at once: a head and a body written apart would else wait 40 ms for each other.
    func sendWithoutDelay() {
        var one: Int32 = 1
        setsockopt(raw, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    func boundAddress(_ requested: SocketAddress) throws(LinuxError) -> SocketAddress {
        guard case .tcp(let host, 0) = requested else { return requested }
        // The port stands at the same place in an IPv6 address, which is longer and cut off here.
        return .tcp(host, UInt16(bigEndian: try ownAddress().sin_port))
    }

    func ownAddress() throws(LinuxError) -> sockaddr_in {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try check("read the address of a socket") {
            withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(raw, $0, &size) }
            }
        }
        return address
    }
}
