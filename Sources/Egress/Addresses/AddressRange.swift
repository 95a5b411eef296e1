/// Addresses with the same first bits, as `10.0.0.0/8` names them.
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The first address of the range.
    package let base: IPAddress
    /// How many bits are the same.
    package let length: Int

    /// The range that holds `address` and shares `length` bits with it; nil when the family has not so many.
    package init?(_ address: IPAddress, length: Int) {
        guard (0...address.width).contains(length) else { return nil }
        base = address.masked(to: length)
        self.length = length
    }

    /// Reads `address/length`, or one address alone. Bits behind the length are ignored.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self.init(address, length: address.width)
            return
        }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            var length = Int(parts[1])
        else { return nil }
        // A range of mapped addresses is the range of what they are mapped to.
        if address.isV4, parts[0].contains(":") {
            guard length >= 96 else { return nil }
            length -= 96
        }
        self.init(address, length: length)
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.isV4 == base.isV4 && address.masked(to: length) == base
    }

    package func contains(_ other: AddressRange) -> Bool {
        other.length >= length && contains(other.base)
    }

    /// The whole of one family.
    package var isEverything: Bool { length == 0 }

    package var description: String { length == base.width ? "\(base)" : "\(base)/\(length)" }
}

extension IPAddress {
    var width: Int { isV4 ? 32 : 128 }

    /// With all bits behind the first `length` set to zero.
    func masked(to length: Int) -> IPAddress {
        switch self {
        case .v4(let bits): .v4(length == 0 ? 0 : bits & (UInt32.max << (32 - length)))
        case .v6(let bits): .v6(length == 0 ? 0 : bits & (UInt128.max << (128 - length)))
        }
    }
}
