/// What a name server says to one question.
package struct DNSAnswer: Sendable, Hashable {
    package enum Code: UInt8, Sendable, Hashable {
        case success = 0
        case malformed = 1
        /// For now; asking again may help.
        case serverFailure = 2
        case noSuchName = 3
        case refused = 5
    }

    /// What every client takes, RFC 1035 §4.2.1, and what is sure to pass unbroken.
    private static let sizes = 512...1232

    package let code: Code
    package let addresses: [IPAddress]
    package let lifetime: Duration

    package init(_ code: Code, _ addresses: [IPAddress] = [], lifetime: Duration = .zero) {
        self.code = code
        self.addresses = addresses
        self.lifetime = lifetime
    }

    /// The message that answers `question`, with as many addresses as its client takes.
    package func encoded(to question: DNSQuestion) -> [UInt8] {
        let limit = min(max(question.answerLimit ?? 0, Self.sizes.lowerBound), Self.sizes.upperBound)
        var records: [UInt8] = []
        var count = 0
        for address in addresses {
            let record = record(address)
            guard 12 + question.bytes.count + records.count + record.count + 11 <= limit else { break }
            records += record
            count += 1
        }
        let hasEDNS = question.answerLimit != nil
        let header = Self.header(
            id: question.id,
            code,
            wantsRecursion: question.wantsRecursion,
            counts: [1, count, 0, hasEDNS ? 1 : 0]
        )
        let edns: [UInt8] =
            hasEDNS ? [0, 0, 41, UInt8(Self.sizes.upperBound >> 8), UInt8(Self.sizes.upperBound & 255)] : []
        return header + question.bytes + records + edns + (hasEDNS ? [0, 0, 0, 0, 0, 0] : [])
    }

    /// The message that says of another that it was not understood.
    package static func malformed(id: UInt16) -> [UInt8] {
        header(id: id, .malformed, wantsRecursion: false, counts: [0, 0, 0, 0])
    }

    private static func header(id: UInt16, _ code: Code, wantsRecursion: Bool, counts: [Int]) -> [UInt8] {
        // An answer, with recursion at hand.
        let flags: UInt16 = 0x8080 | (wantsRecursion ? 0x0100 : 0) | UInt16(code.rawValue)
        return two(Int(id)) + two(Int(flags)) + counts.flatMap(two)
    }

    /// The name is the question's, by a pointer to where it stands.
    private func record(_ address: IPAddress) -> [UInt8] {
        let seconds = UInt32(clamping: lifetime.components.seconds)
        return [0xC0, 0x0C] + Self.two(address.isV4 ? 1 : 28) + Self.two(1) + Self.two(Int(seconds >> 16))
            + Self.two(Int(seconds & 0xFFFF)) + Self.two(address.bytes.count) + address.bytes
    }

    private static func two(_ number: Int) -> [UInt8] {
        [UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number)]
    }
}
