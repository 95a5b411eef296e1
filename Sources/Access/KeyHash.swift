import COpenSSL
import TLS

/// What is kept of a key: its SHA-256. A key is 160 random bits, so that it needs no salt and no slow hash.
struct KeyHash: Sendable, Hashable {
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    init(of key: String) {
        bytes = Digest.sha256(key.utf8)
    }

    /// Compares in a time that says nothing about where two hashes differ.
    func matches(_ other: KeyHash) -> Bool {
        bytes.count == other.bytes.count && CRYPTO_memcmp(bytes, other.bytes, bytes.count) == 0
    }
}
