import COpenSSL
import Linux

/// The certificate authorities to believe, loaded once and used by any number of connections.
package final class TLSTrust: Sendable {
    /// Never changed after `init`; OpenSSL counts its users itself, from any thread.
    nonisolated(unsafe) let context: OpaquePointer

    /// The authorities of this machine, or those in the file or folder that `SSL_CERT_FILE` or `SSL_CERT_DIR` names.
    package static func system() throws(TLSError) -> TLSTrust { try shared.get() }

    private static let shared = Result { () throws(TLSError) in
        if let file = Program.variable("SSL_CERT_FILE"), !file.isEmpty, !Files.exists(file) {
            throw TLSError(.trust, "SSL_CERT_FILE names '\(file)', which does not exist")
        }
        return try TLSTrust { SSL_CTX_set_default_verify_paths($0) == 1 }
    }

    /// The authorities in a file of PEM certificates, and no others.
    package convenience init(file: String) throws(TLSError) {
        try self.init { SSL_CTX_load_verify_file($0, file) == 1 }
    }

    /// Nobody is asked who they are: for servers whose certificates can say nothing, such as those in a guest, at the end of
    /// a line that is secure already.
    package static func unchecked() throws(TLSError) -> TLSTrust { try credulous.get() }

    private static let credulous = Result { () throws(TLSError) in
        try TLSTrust(verification: SSL_VERIFY_NONE) { _ in true }
    }

    private init(verification: Int32 = SSL_VERIFY_PEER, _ load: (OpaquePointer) -> Bool) throws(TLSError) {
        ERR_clear_error()
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TLSError(.trust, "OpenSSL could not be set up: \(TLSSession.queuedReason())")
        }
        self.context = context
        guard copenssl_require_tls12(context) == 1, load(context) else {
            // `deinit` frees the context: everything is initialised.
            throw TLSError(.trust, "The certificate authorities could not be loaded: \(TLSSession.queuedReason())")
        }
        SSL_CTX_set_verify(context, verification, nil)
    }

    deinit {
        SSL_CTX_free(context)
    }
}
