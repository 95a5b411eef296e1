import COpenSSL

/// A SHA-256 of bytes that come one after the other; a copy goes on from where it was made.
package struct RunningDigest: ~Copyable {
    // Owned by this value alone: freed with it.
    private let context: OpaquePointer

    package init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("there is no memory for a digest") }
        // Fails only for a digest that OpenSSL does not know, and it knows this one.
        precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "OpenSSL has no SHA-256")
        self.context = context
    }

    package init(copying other: borrowing RunningDigest) {
        self.init()
        precondition(EVP_MD_CTX_copy_ex(context, other.context) == 1, "a digest can not be copied")
    }

    deinit { EVP_MD_CTX_free(context) }

    package mutating func add(_ bytes: [UInt8]) {
        EVP_DigestUpdate(context, bytes, bytes.count)
    }

    /// The digest of all bytes up to now; more may follow.
    package borrowing func value() -> [UInt8] {
        let last = RunningDigest(copying: self)
        return [UInt8](unsafeUninitializedCapacity: Int(SHA256_DIGEST_LENGTH)) { buffer, filled in
            var count: UInt32 = 0
            EVP_DigestFinal_ex(last.context, buffer.baseAddress, &count)
            filled = Int(count)
        }
    }
}
