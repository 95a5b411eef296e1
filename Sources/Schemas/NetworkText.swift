/// Names and addresses of networks, as text.
enum NetworkText {
    /// A host name of RFC 1123. An internationalised label (`xn--…`) is accepted by its form; that what it encodes is
    /// allowed in a name is not looked up.
    static func isHostname(_ text: String) -> Bool {
        guard text.utf8.count <= 253 else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.count) && label.first != UInt8(ascii: "-") && label.last != UInt8(ascii: "-")
                && label.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") }
        }
    }

    static func isIPv4(_ text: Substring.UTF8View) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && part.allSatisfy(\.isASCIIDigit)
                    && (part.count == 1 || part.first != UInt8(ascii: "0"))
                    && part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 255
            }
    }

    static func isIPv6(_ text: Substring.UTF8View) -> Bool {
        let halves = Substring(text).split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2 else { return false }
        var count = 0
        for (place, half) in halves.enumerated() where !half.isEmpty {
            let groups = half.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            for (index, group) in groups.enumerated() {
                if (1...4).contains(group.count), group.allSatisfy({ $0.hexDigitValue != nil }) {
                    count += 1
                } else if place == halves.count - 1, index == groups.count - 1, isIPv4(group) {
                    count += 2
                } else {
                    return false
                }
            }
        }
        // `::` stands for at least one group.
        return halves.count == 2 ? count < 8 : count == 8
    }

    static func isEmail(_ text: String) -> Bool {
        guard let at = text.utf8.lastIndex(of: UInt8(ascii: "@")) else { return false }
        return isLocalPart(text.utf8[..<at]) && isMailHost(text[text.utf8.index(after: at)...])
    }

    private static func isLocalPart(_ text: Substring.UTF8View) -> Bool {
        guard text.first == UInt8(ascii: "\"") else {
            return text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { atom in
                !atom.isEmpty
                    && atom.allSatisfy {
                        $0.isASCIILetter || $0.isASCIIDigit || "!#$%&'*+-/=?^_`{|}~".utf8.contains($0)
                    }
            }
        }
        guard text.count >= 2, text.last == UInt8(ascii: "\"") else { return false }
        var rest = text.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            guard (32...126).contains(byte), byte != UInt8(ascii: "\"") else { return false }
            if byte == UInt8(ascii: "\\") {
                guard let escaped = rest.popFirst(), (32...126).contains(escaped) else { return false }
            }
        }
        return true
    }

    private static func isMailHost(_ text: Substring) -> Bool {
        guard text.hasPrefix("["), text.hasSuffix("]") else { return isHostname(String(text)) }
        let address = text.dropFirst().dropLast()
        return address.hasPrefix("IPv6:") ? isIPv6(address.dropFirst(5).utf8) : isIPv4(address.utf8)
    }

    // MARK: - URIs

    private static let userinfo = Set("-._~!$&'()*+,;=:%".utf8)
    private static let path = Set("-._~!$&'()*+,;=:@/%".utf8)
    private static let query = Set("-._~!$&'()*+,;=:@/?%".utf8)

    /// An absolute URI of RFC 3986.
    static func isURI(_ text: String) -> Bool {
        let uri = URIReference(text)
        guard uri.scheme != nil, hasWholeEscapes(text) else { return false }
        return consists(uri.path, of: path) && consists(uri.query ?? "", of: query)
            && consists(uri.fragment ?? "", of: query) && isAuthority(uri.authority ?? "")
    }

    private static func isAuthority(_ text: String) -> Bool {
        var host = text[...]
        if let at = text.lastIndex(of: "@") {
            guard consists(String(text[..<at]), of: userinfo) else { return false }
            host = text[text.index(after: at)...]
        }
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            let address = host[host.index(after: host.startIndex)..<end]
            guard isIPv6(address.utf8) || isFutureAddress(address.utf8) else { return false }
            let port = host[host.index(after: end)...]
            return port.isEmpty || port.hasPrefix(":") && port.dropFirst().utf8.allSatisfy(\.isASCIIDigit)
        }
        let port = host.firstIndex(of: ":").map { host[host.index(after: $0)...] } ?? ""
        let name = host.prefix { $0 != ":" }
        return port.utf8.allSatisfy(\.isASCIIDigit) && consists(String(name), of: userinfo)
    }

    /// `v1.anything`: the form reserved for addresses after IPv6.
    private static func isFutureAddress(_ text: Substring.UTF8View) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 1)
        guard parts.count == 2, let mark = parts[0].first, mark | 0x20 == UInt8(ascii: "v") else { return false }
        let version = parts[0].dropFirst()
        return !version.isEmpty && version.allSatisfy { $0.hexDigitValue != nil }
            && consists(String(Substring(parts[1])), of: userinfo.subtracting("%".utf8))
    }

    private static func consists(_ text: String, of allowed: Set<UInt8>) -> Bool {
        text.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || allowed.contains($0) }
    }

    private static func hasWholeEscapes(_ text: String) -> Bool {
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else { continue }
            guard rest.popFirst()?.hexDigitValue != nil, rest.popFirst()?.hexDigitValue != nil else { return false }
        }
        return true
    }
}
