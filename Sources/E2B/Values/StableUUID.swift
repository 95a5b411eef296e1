import TLS

/// A UUID that stands for a name of ours where E2B's clients insist on one: the same name has the same UUID, and one that is a
/// UUID stands for itself.
enum StableUUID {
    /// Version 8 of RFC 9562, from the name's SHA-256.
    static func of(_ name: String) -> String {
        if isUUID(name) { return name }
        var bytes = Array(Digest.sha256(name.utf8).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = Array("0123456789abcdef")
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append("-") }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    private static func isUUID(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        return parts.map(\.utf8.count) == [8, 4, 4, 4, 12]
            && parts.allSatisfy { $0.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } }
    }
}
