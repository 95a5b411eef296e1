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

    /// What only a holder of `key` can compute from `bytes`.
    package static func hmacSHA256(_ bytes: some Sequence<UInt8>, key: [UInt8]) -> [UInt8] {
        let bytes = Array(bytes)
        return [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, filled in
            var count: UInt32 = 0
            // Fails only for a digest that OpenSSL does not know, and it knows this one.
            let code = HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, buffer.baseAddress, &count)
            precondition(code != nil && Int(count) == buffer.count, "OpenSSL has no HMAC with SHA-256")
            filled = Int(count)
        }
    }
}
