import Glibc
import Synchronization

/// The addresses of this host, read anew when the last reading has grown old.
package final class HostAddresses: Sendable {
    private static let lifetime = Duration.seconds(5)

    private struct Reading {
        let addresses: Set<IPAddress>
        let time: ContinuousClock.Instant
    }

    private let last = Mutex<Reading?>(nil)

    package init() {}

    package var current: Set<IPAddress> {
        last.withLock { last in
            if let last, last.time.duration(to: .now) < Self.lifetime { return last.addresses }
            let addresses = Self.read()
            last = Reading(addresses: addresses, time: .now)
            return addresses
        }
    }

    /// Whether this host has a way to the internet's IPv6 part.
    package var hasV6: Bool {
        current.contains { !$0.isV4 && ClosedAddresses.kind(of: $0, host: []) == nil }
    }

    private static func read() -> Set<IPAddress> {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        var addresses: Set<IPAddress> = []
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr else { continue }
            if let address = IPAddress(address) { addresses.insert(address) }
        }
        return addresses
    }
}

extension IPAddress {
    /// Reads the address of a socket of either family.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            self = .v4(UInt32(bigEndian: raw.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr))
        case AF_INET6:
            var bits = raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr
            self.init(bytes: withUnsafeBytes(of: &bits) { Array($0) })
        default: return nil
        }
    }
}
