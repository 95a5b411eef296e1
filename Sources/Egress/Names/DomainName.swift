/// A host's name: lower case, without a dot at its end, and never an address.
package struct DomainName: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    /// Reads a name by the rules of RFC 1123, and underscores; nil for anything else. Names of other scripts come in their
    /// `xn--` form.
    package init?(_ text: String) {
        self.init(bytes: Array(text.utf8))
    }

    package init?(bytes: some Collection<UInt8>) {
        var name: [UInt8] = []
        name.reserveCapacity(bytes.count)
        var labelCount = 0
        var last: UInt8 = 0x2E
        for (index, byte) in bytes.enumerated() {
            guard index < 254 else { return nil }
            switch byte {
            case 0x2E:
                guard labelCount > 0, last != 0x2D else { return nil }
                labelCount = 0
            case 0x2D where labelCount == 0:
                return nil
            case 0x30...0x39, 0x61...0x7A, 0x2D, 0x5F:
                labelCount += 1
            case 0x41...0x5A:
                labelCount += 1
            default:
                return nil
            }
            guard labelCount <= 63 else { return nil }
            last = byte
            name.append((0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
        }
        if name.last == 0x2E { name.removeLast() }
        guard (1...253).contains(name.count), name.last != 0x2D else { return nil }
        // A last label of digits would be an address to some resolver: RFC 3696 §2. So would `0x7f000001`.
        let end = name.split(separator: 0x2E).last ?? []
        guard let first = end.first, !(0x30...0x39).contains(first) else { return nil }
        text = String(decoding: name, as: UTF8.self)
    }

    /// The names that this one is below, the nearest first.
    var parents: some Sequence<Substring> {
        sequence(state: text[...]) { rest in
            guard let dot = rest.firstIndex(of: ".") else { return nil }
            rest = rest[rest.index(after: dot)...]
            return rest
        }
    }

    package var description: String { text }
}
