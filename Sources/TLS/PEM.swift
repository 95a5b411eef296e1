import COpenSSL

/// Texts that hold keys and certificates.
enum PEM {
    /// The certificates in a text, in their order. The caller frees each.
    static func certificates(in bytes: [UInt8]) -> [OpaquePointer] {
        ERR_clear_error()
        // At the end of the text there is none, which is no error.
        defer { ERR_clear_error() }
        return reading(bytes) { text in
            var found: [OpaquePointer] = []
            while let certificate = PEM_read_bio_X509(text, nil, copenssl_no_password, nil) {
                found.append(certificate)
            }
            return found
        } ?? []
    }

    /// Calls `body` with a reader of `bytes`, which are not copied: they have to be there until it returns.
    static func reading<Result>(_ bytes: [UInt8], _ body: (OpaquePointer) -> Result?) -> Result? {
        bytes.withUnsafeBytes { bytes in
            guard let text = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
            defer { BIO_free(text) }
            return body(text)
        }
    }
}
