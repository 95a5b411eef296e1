import COpenSSL
import Linux

/// What is kept of a key: its SHA-256. A key is 160 random bits, so that it needs no salt and no slow hash.
struct KeyHash: Sendable, Hashable {
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(of key: String) {
        bytes = SHA256.hash(key.utf8)
    }

    /// Compares in a time that says nothing about where two hashes differ.
    func matches(_ other: KeyHash) -> Bool {
        bytes.count == other.bytes.count && CRYPTO_memcmp(bytes, other.bytes, bytes.count) == 0
    }
}

/// SHA-256, by OpenSSL.
package enum SHA256 {
    /// Hashes `bytes`; 32 bytes come out.
    package static func hash(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let message = Array(bytes)
        var digest = [UInt8](repeating: 0, count: 32)
        _ = COpenSSL.SHA256(message, message.count, &digest)
        return digest
    }
}
