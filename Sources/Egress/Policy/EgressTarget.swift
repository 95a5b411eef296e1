/// What a rule is about, in the spelling that people use.
///
///     pypi.org            one name                    *.github.com        all names below, not the name itself
///     1.2.3.4, 2001:…     one address                 10.0.0.0/8          a range
///     *                   everything                  pypi.org:443        only these ports, also 8000-8080
package struct EgressTarget: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        case everywhere
        case name(DomainName)
        case below(DomainName)
        case addresses(AddressRange)
    }

    package let place: Place
    /// Nil is every port.
    package let ports: ClosedRange<UInt16>?

    package init(_ place: Place, ports: ClosedRange<UInt16>? = nil) {
        // All of IPv4 and all there is are one wish: a range that left IPv6 open would be a hole.
        if case .addresses(let range) = place, range.isEverything {
            self.place = .everywhere
        } else {
            self.place = place
        }
        self.ports = ports
    }

    package init?(_ text: String) {
        var place = text[...]
        var ports: ClosedRange<UInt16>?
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") {
            let rest = place[place.index(after: end)...]
            place = place[place.index(after: place.startIndex)..<end]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let read = Self.ports(rest.dropFirst()) else { return nil }
                ports = read
            }
            guard place.contains(":") else { return nil }
        } else if place.count(where: { $0 == ":" }) == 1, let colon = place.firstIndex(of: ":") {
            guard let read = Self.ports(place[place.index(after: colon)...]) else { return nil }
            ports = read
            place = place[..<colon]
        }
        guard let place = Self.place(String(place)) else { return nil }
        self.init(place, ports: ports)
    }

    private static func place(_ text: String) -> Place? {
        if text == "*" { return .everywhere }
        if text.hasPrefix("*.") { return DomainName(String(text.dropFirst(2))).map { .below($0) } }
        if let range = AddressRange(text) { return .addresses(range) }
        return DomainName(text).map { .name($0) }
    }

    private static func ports(_ text: Substring) -> ClosedRange<UInt16>? {
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(port)
        guard let first = ends[0], let last = ends.last ?? nil, first <= last else { return nil }
        return first...last
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return UInt16(text).flatMap { $0 > 0 ? $0 : nil }
    }

    package var isName: Bool {
        switch place {
        case .name, .below: true
        case .everywhere, .addresses: false
        }
    }
}

extension EgressTarget: CustomStringConvertible {
    package var description: String {
        let place =
            switch place {
            case .everywhere: "*"
            case .name(let name): name.text
            case .below(let name): "*.\(name.text)"
            case .addresses(let range):
                ports != nil && range.description.contains(":") ? "[\(range)]" : range.description
            }
        guard let ports else { return place }
        return ports.count == 1 ? "\(place):\(ports.lowerBound)" : "\(place):\(ports.lowerBound)-\(ports.upperBound)"
    }
}

extension EgressTarget: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let target = EgressTarget(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no target of a rule")
        }
        self = target
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
