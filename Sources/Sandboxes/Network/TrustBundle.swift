import FoundationEssentials
import TLS

/// The file in which a guest's programs look for whom to trust: certificates as PEM, one behind the other, and whatever is said
/// between them.
enum TrustBundle {
    private static let begin = Array("-----BEGIN CERTIFICATE-----".utf8)
    private static let end = Array("-----END CERTIFICATE-----".utf8)

    /// The same with one more certificate, and without those of other sandboxes' authorities.
    static func adding(_ certificate: [UInt8], to bundle: [UInt8]) -> [UInt8] {
        var kept: [UInt8] = []
        var block: [ArraySlice<UInt8>]?
        for line in bundle.split(separator: 0x0A, omittingEmptySubsequences: false) {
            if line.starts(with: begin) {
                for line in block ?? [] { kept += line + [0x0A] }
                block = []
            }
            guard block != nil else {
                kept += line + [0x0A]
                continue
            }
            block?.append(line)
            guard line.starts(with: end), let lines = block else { continue }
            if !isOfSandbox(lines) { for line in lines { kept += line + [0x0A] } }
            block = nil
        }
        for line in block ?? [] { kept += line + [0x0A] }
        // The last line had no end, or was empty.
        _ = kept.popLast()
        if let last = kept.last, last != 0x0A { kept.append(0x0A) }
        return kept + certificate
    }

    private static func isOfSandbox(_ block: [ArraySlice<UInt8>]) -> Bool {
        let text = Data(block.dropFirst().dropLast().joined())
        guard let bytes = Data(base64Encoded: text, options: .ignoreUnknownCharacters) else { return false }
        return Array(bytes).firstRange(of: Array(SandboxAuthority.namePrefix.utf8)) != nil
    }
}
