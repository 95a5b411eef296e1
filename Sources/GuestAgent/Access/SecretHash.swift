/// What the guest keeps of a secret: enough to recognise it, too little to tell it to anyone.
package struct SecretHash: Sendable, CustomStringConvertible {
    private let digest: [UInt8]

    package init(of secret: String) {
        digest = SHA256.hash(secret.utf8)
    }

    /// Reads a hash from 64 hexadecimal digits; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
        let digits = text.utf8.compactMap { Character(Unicode.Scalar($0)).hexDigitValue.map(UInt8.init) }
        guard digits.count == 64, text.utf8.count == 64 else { return nil }
        digest = stride(from: 0, to: 64, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// Compares in a time that does not depend on where the two differ.
    package func matches(_ secret: String) -> Bool {
        zip(digest, SHA256.hash(secret.utf8)).reduce(0 as UInt8) { $0 | ($1.0 ^ $1.1) } == 0
    }

    package var hexadecimal: String {
        digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    package var description: String { "‹redacted›" }
}
