import Glibc

/// An IP address, or a block of them as CIDR writes it.
struct AddressRange: Sendable, Hashable {
    let address: [UInt8]
    let prefix: Int

    var isSingle: Bool { prefix == address.count * 8 }

    /// - Returns: nil unless `text` is such as `10.0.0.0/8`, `1.1.1.1` or `2001:db8::/32`.
    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = Self.bytes(String(parts[0])) else { return nil }
        self.address = address
        guard parts.count == 2 else {
            prefix = address.count * 8
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let prefix = Int(parts[1]),
            (0...address.count * 8).contains(prefix)
        else { return nil }
        self.prefix = prefix
    }

    private static func bytes(_ text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var six = in6_addr()
        return inet_pton(AF_INET6, text, &six) == 1 ? withUnsafeBytes(of: six) { Array($0) } : nil
    }
}
