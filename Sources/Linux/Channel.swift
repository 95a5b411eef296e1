import CLinux
import Glibc
import Synchronization

/// A non-blocking descriptor on the event loop, as a ``ByteStream``.
package final class Channel: ByteStream, EventSource {
    private let descriptor: Descriptor
    private let loop: EventLoop
    private let isSocket: Bool
    private let readable = Readiness()
    private let writable = Readiness()
    /// Each system call is made with its lock held, so that none can meet a number that was closed and given away again.
    private let reading = Mutex<Bool>(true)
    private let writing = Mutex<Bool>(true)
    private let token = Mutex<UInt64>(0)

    /// Takes over `descriptor` and makes it non-blocking.
    package init(_ descriptor: Descriptor, on loop: EventLoop = .shared) throws(LinuxError) {
        self.descriptor = descriptor
        self.loop = loop
        var status = stat()
        isSocket = fstat(descriptor.raw, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        try check("make a descriptor non-blocking") { clinux_set_nonblocking(descriptor.raw) }
        let mask = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue
        let registered = try loop.add(self, for: descriptor, mask)
        token.withLock { $0 = registered }
    }

    func ready(_ mask: UInt32) {
        let failed = EPOLLERR.rawValue | EPOLLHUP.rawValue
        if mask & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | failed) != 0 { readable.signal() }
        if mask & (EPOLLOUT.rawValue | failed) != 0 { writable.signal() }
    }

    package func read(upTo count: Int) async throws -> [UInt8] {
        while true {
            readable.clear()
            if let bytes = try readNow(upTo: count) { return bytes }
            try await readable.wait()
        }
    }

    /// Waits until a read has something to give: bytes, the end or an error. Takes nothing.
    package func waitForInput() async throws {
        while true {
            readable.clear()
            if hasInput { return }
            try await readable.wait()
        }
    }

    /// Reads without waiting; nil when nothing is there yet.
    package func readNow(upTo count: Int) throws(LinuxError) -> [UInt8]? {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = reading.withLock { isOpen in
                guard isOpen else { return 0 }
                while true {
                    let result = Glibc.read(descriptor.raw, buffer.baseAddress, count)
                    if result >= 0 { return result }
                    if errno == EINTR { continue }
                    failure = errno
                    return 0
                }
            }
        }
        switch failure {
        case 0: return bytes
        case EAGAIN: return nil
        // A terminal whose last writer has gone answers EIO; that is its end.
        case EIO where !isSocket: return []
        default: throw LinuxError(errno: failure, "read")
        }
    }

    package func write(_ bytes: [UInt8]) async throws {
        var done = 0
        while done < bytes.count {
            writable.clear()
            if let written = try writeNow(bytes, from: done) {
                done += written
            } else {
                try await writable.wait()
            }
        }
    }

    /// Writes without waiting; nil when the other side has to read first.
    private func writeNow(_ bytes: [UInt8], from start: Int) throws(LinuxError) -> Int? {
        let (written, failure) = writing.withLock { isOpen -> (Int, Int32) in
            guard isOpen else { return (-1, EPIPE) }
            while true {
                let result = bytes.withUnsafeBytes { buffer in
                    let rest = UnsafeRawBufferPointer(rebasing: buffer[start...])
                    return isSocket
                        ? send(descriptor.raw, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
                        : Glibc.write(descriptor.raw, rest.baseAddress, rest.count)
                }
                if result >= 0 { return (result, 0) }
                if errno != EINTR { return (-1, errno) }
            }
        }
        if written >= 0 { return written }
        if failure == EAGAIN { return nil }
        throw LinuxError(errno: failure, "write")
    }

    /// Waits until the descriptor has told that it can be written, as a connecting socket does.
    func waitUntilWritable() async throws {
        try await writable.wait()
    }

    package var hasInput: Bool {
        reading.withLock { isOpen in
            guard isOpen else { return true }
            var question = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
            return poll(&question, 1, 0) != 0
        }
    }

    package func closeWriting() async throws {
        if isSocket {
            writing.withLock { isOpen in
                if isOpen { shutdown(descriptor.raw, Int32(SHUT_WR)) }
                isOpen = false
            }
        } else {
            close()
        }
    }

    /// This end's address; nil for anything but a socket of IPv4. Of an accepted connection it is the one that its peer meant.
    package func localAddress() throws(LinuxError) -> SocketAddress? {
        var own = try descriptor.ownAddress()
        guard own.sin_family == sa_family_t(AF_INET) else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        guard inet_ntop(AF_INET, &own.sin_addr, &text, socklen_t(text.count)) != nil else { return nil }
        let host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return .tcp(host, UInt16(bigEndian: own.sin_port))
    }

    package func close() {
        let wasOpen = reading.withLock { isReading in
            writing.withLock { isWriting in
                let registered = token.withLock { token in
                    defer { token = 0 }
                    return token
                }
                guard registered != 0 else { return false }
                isReading = false
                isWriting = false
                loop.remove(registered, from: descriptor)
                if isSocket { shutdown(descriptor.raw, Int32(SHUT_RDWR)) }
                descriptor.close()
                return true
            }
        }
        guard wasOpen else { return }
        readable.close()
        writable.close()
    }

    deinit {
        close()
    }
}
