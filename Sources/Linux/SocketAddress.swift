import Glibc

/// Where a socket listens or connects.
package enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// An address, IPv4 in dotted form or IPv6 with colons, and a port; port 0 lets the kernel choose.
    case tcp(String, UInt16)
    /// A path. One longer than the 107 bytes of `sun_path` is reached through its directory's descriptor.
    case unix(String)

    package static func loopback(_ port: UInt16) -> SocketAddress { .tcp("127.0.0.1", port) }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): path
        }
    }

    /// Calls `body` with the address as the kernel wants it.
    func withRaw<Result>(
        _ body: (_ family: Int32, UnsafePointer<sockaddr>, socklen_t) throws(LinuxError) -> Result
    ) throws(LinuxError) -> Result {
        switch self {
        case .tcp(let host, let port) where host.contains(":"):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            guard inet_pton(AF_INET6, host, &address.sin6_addr) == 1 else {
                throw LinuxError(LinuxError.Code(rawValue: EINVAL), "'\(host)' is not an IPv6 address")
            }
            return try Self.rebound(&address, AF_INET6, body)
        case .tcp(let host, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            guard inet_pton(AF_INET, host, &address.sin_addr) == 1 else {
                throw LinuxError(LinuxError.Code(rawValue: EINVAL), "'\(host)' is not an IPv4 address")
            }
            return try Self.rebound(&address, AF_INET, body)
        case .unix(let path):
            if path.utf8.count < 108 { return try Self.withUnixPath(path, body) }
            let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
            let parent = cut == path.startIndex ? "." : String(path[..<cut])
            let directory = try Descriptor.open(parent, O_RDONLY | O_DIRECTORY)
            return try Self.withUnixPath("/proc/self/fd/\(directory.raw)/\(path[cut...])", body)
        }
    }

    private static func withUnixPath<Result>(
        _ path: String,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) throws(LinuxError) -> Result
    ) throws(LinuxError) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw LinuxError(LinuxError.Code(rawValue: ENAMETOOLONG), "The socket path '\(path)' is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return try rebound(&address, AF_UNIX, body)
    }

    private static func rebound<Address, Result>(
        _ address: inout Address,
        _ family: Int32,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) throws(LinuxError) -> Result
    ) throws(LinuxError) -> Result {
        // Copied into a sockaddr-sized view by pointer; the storage is `address` for the whole call.
        let outcome: Swift.Result<Result, LinuxError> = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                do throws(LinuxError) {
                    return .success(try body(family, raw, socklen_t(MemoryLayout<Address>.size)))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try outcome.get()
    }
}
