import COpenSSL

/// What a server shows to its clients: a certificate, with those that lead to its authority, and the key that proves it.
package final class TLSIdentity: Sendable {
    /// Never changed after `init`; OpenSSL counts its users itself, from any thread.
    nonisolated(unsafe) let context: OpaquePointer

    /// Reads PEM files; both may be the same one.
    ///
    /// - Throws: ``TLSError`` when one can not be read, is encrypted, or does not belong to the other.
    package init(certificate: String, key: String) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(.identity, "OpenSSL could not be set up: \(TLSSession.queuedReason())")
        }
        self.context = context
        copenssl_ask_no_password(context)
        copenssl_speak_http1(context)
        // `deinit` frees the context whatever is thrown: everything is initialised.
        guard copenssl_require_tls12(context) == 1, SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw TLSError(
                .identity,
                "The certificate '\(certificate)' could not be used: \(TLSSession.queuedReason()); it must be a PEM file"
            )
        }
        guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(context) == 1
        else {
            throw TLSError(
                .identity,
                "The key '\(key)' could not be used: \(TLSSession.queuedReason()); it must be the certificate's own, as a "
                    + "PEM file without a password"
            )
        }
    }

    /// Shows a certificate whose authority its clients know themselves, or one above it.
    ///
    /// - Parameter chain: what leads from its authority to those above, as PEM.
    init(_ certificate: Certificate, chain: [UInt8] = []) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(.identity, "OpenSSL could not be set up: \(TLSSession.queuedReason())")
        }
        self.context = context
        copenssl_ask_no_password(context)
        copenssl_speak_http1(context)
        guard copenssl_require_tls12(context) == 1, SSL_CTX_use_certificate(context, certificate.certificate) == 1,
            SSL_CTX_use_PrivateKey(context, certificate.key) == 1
        else { throw TLSError(.identity, "A certificate could not be used: \(TLSSession.queuedReason())") }
        for above in PEM.certificates(in: chain) {
            defer { X509_free(above) }
            guard copenssl_show_too(context, above) == 1 else {
                throw TLSError(.identity, "A certificate could not be used: \(TLSSession.queuedReason())")
            }
        }
    }

    deinit {
        SSL_CTX_free(context)
    }
}
