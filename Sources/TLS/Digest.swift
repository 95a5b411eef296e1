import COpenSSL

/// Digests of bytes.
package enum Digest {
    package static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        let bytes = Array(bytes)
        return [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, filled in
            SHA256(bytes, bytes.count, buffer.baseAddress)
            filled = Int(SHA256_DIGEST_LENGTH)
        }
    }
}
