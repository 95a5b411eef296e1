/// Addresses that no sandbox reaches unless its policy names them: everything that is not the public internet.
package enum ClosedAddresses {
    /// Why an address is closed.
    package enum Kind: String, Sendable, Hashable, Codable {
        /// Loopback, the unspecified address, multicast, and what is reserved or leads to IPv4 by a detour.
        case special
        case privateNetwork = "private"
        /// Among them, the metadata services of clouds.
        case linkLocal = "link_local"
        /// This host itself, by an address that others may reach.
        case host
    }

    private static let ranges: [(AddressRange, Kind)] = [
        ("0.0.0.0/8", .special), ("10.0.0.0/8", .privateNetwork), ("100.64.0.0/10", .privateNetwork),
        ("127.0.0.0/8", .special), ("169.254.0.0/16", .linkLocal), ("172.16.0.0/12", .privateNetwork),
        ("192.0.0.0/24", .special), ("192.0.2.0/24", .special), ("192.88.99.0/24", .special),
        ("192.168.0.0/16", .privateNetwork), ("198.18.0.0/15", .special), ("198.51.100.0/24", .special),
        ("203.0.113.0/24", .special), ("224.0.0.0/3", .special),
        ("fc00::/7", .privateNetwork), ("fe80::/10", .linkLocal), ("2001::/23", .special), ("2001:db8::/32", .special),
        ("2002::/16", .special), ("3fff::/20", .special),
    ].compactMap { text, kind in AddressRange(text).map { ($0, kind) } }

    private static let publicV6 = AddressRange("2000::/3")

    /// Why `address` is closed; nil when it is part of the public internet.
    ///
    /// - Parameter host: the addresses of this host.
    package static func kind(of address: IPAddress, host: Set<IPAddress>) -> Kind? {
        for (range, kind) in ranges where range.contains(address) { return kind }
        if !address.isV4, publicV6?.contains(address) != true { return .special }
        return host.contains(address) ? .host : nil
    }

    /// Whether the whole of `range` is closed. One address alone may also be one of this host.
    package static func contains(_ range: AddressRange) -> Bool {
        range.length == range.base.width || ranges.contains { $0.0.contains(range) }
    }
}
