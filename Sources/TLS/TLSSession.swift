import COpenSSL
import Glibc

/// One TLS connection as a machine without I/O: encrypted bytes go in and come out through memory.
///
/// Not safe for two threads at once; its owner keeps it behind a lock.
struct TLSSession: ~Copyable {
    enum Read {
        case bytes([UInt8])
        /// Nothing yet: more encrypted bytes are needed.
        case needsInput
        /// The other side said that it is done.
        case ended
    }

    private let session: OpaquePointer
    /// Both belong to `session`.
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer
    /// As errors name the other side.
    private let peer: String

    /// Prepares a client's session with `host`, by name or IPv4 address.
    init(clientOf host: String, trust: TLSTrust) throws(TLSError) {
        session = try Self.begin(clientOf: host, trust)
        incoming = SSL_get_rbio(session)
        outgoing = SSL_get_wbio(session)
        peer = "'\(host)'"
    }

    /// Prepares a server's session with whoever connects.
    init(serverAs identity: TLSIdentity) throws(TLSError) {
        session = try Self.begin(in: identity.context)
        incoming = SSL_get_rbio(session)
        outgoing = SSL_get_wbio(session)
        peer = "a client"
        SSL_set_accept_state(session)
    }

    private static func begin(in context: OpaquePointer) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let session = SSL_new(context), let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem())
        else { throw TLSError(.handshake, "OpenSSL could not begin a session: \(queuedReason())") }
        SSL_set_bio(session, incoming, outgoing)
        return session
    }

    private static func begin(clientOf host: String, _ trust: TLSTrust) throws(TLSError) -> OpaquePointer {
        let session = try begin(in: trust.context)
        SSL_set_connect_state(session)
        SSL_set_hostflags(session, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        var address = in_addr()
        let isNamed: Bool
        if inet_pton(AF_INET, host, &address) == 1 {
            isNamed = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1
        } else {
            isNamed = SSL_set1_host(session, host) == 1 && copenssl_set_server_name(session, host) == 1
        }
        let protocols = [UInt8(8)] + Array("http/1.1".utf8)
        // Unlike the others, this call answers 0 for success.
        guard isNamed, SSL_set_alpn_protos(session, protocols, UInt32(protocols.count)) == 0 else {
            SSL_free(session)
            throw TLSError(.handshake, "'\(host)' can not be the name of a TLS server: \(queuedReason())")
        }
        return session
    }

    deinit {
        SSL_free(session)
    }

    /// Goes on with the handshake; true when it is complete.
    func shakeHands() throws(TLSError) -> Bool {
        ERR_clear_error()
        let result = SSL_do_handshake(session)
        if result == 1 { return true }
        if SSL_get_error(session, result) == SSL_ERROR_WANT_READ { return false }
        let verdict = SSL_get_verify_result(session)
        if verdict != Int(X509_V_OK), SSL_is_server(session) == 0 {
            throw TLSError(.certificate, Self.sentence(about: peer, verdict))
        }
        throw TLSError(.handshake, "The TLS handshake with \(peer) failed: \(Self.queuedReason())")
    }

    func read(upTo count: Int) throws(TLSError) -> Read {
        ERR_clear_error()
        var result: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            result = SSL_read(session, buffer.baseAddress, Int32(clamping: count))
            filled = max(0, Int(result))
        }
        return result > 0 ? .bytes(bytes) : try outcome(of: result)
    }

    /// Whether there is something to read, or the end, in what has come in.
    func hasInput() -> Bool {
        ERR_clear_error()
        var byte: UInt8 = 0
        let result = SSL_peek(session, &byte, 1)
        return result > 0 || SSL_get_error(session, result) != SSL_ERROR_WANT_READ
    }

    private func outcome(of result: Int32) throws(TLSError) -> Read {
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .ended
        default: throw TLSError(.broken, "The TLS connection to \(peer) broke: \(Self.queuedReason())")
        }
    }

    /// Encrypts `bytes`.
    func write(_ bytes: ArraySlice<UInt8>) throws(TLSError) {
        ERR_clear_error()
        let written = bytes.withUnsafeBytes { SSL_write(session, $0.baseAddress, Int32(clamping: $0.count)) }
        // Memory takes everything; without renegotiation nothing has to be read first.
        guard Int(written) == bytes.count else {
            throw TLSError(.broken, "The TLS connection to \(peer) takes no more: \(Self.queuedReason())")
        }
    }

    /// Says that nothing more will be written.
    func end() {
        ERR_clear_error()
        SSL_shutdown(session)
    }

    /// Takes in encrypted bytes.
    func receive(_ bytes: [UInt8]) {
        BIO_write(incoming, bytes, Int32(clamping: bytes.count))
    }

    var hasOutput: Bool { BIO_ctrl_pending(outgoing) > 0 }

    /// Gives the encrypted bytes that are to be sent.
    func takeOutput() -> [UInt8] {
        let count = BIO_ctrl_pending(outgoing)
        if count == 0 { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, Int(BIO_read(outgoing, buffer.baseAddress, Int32(clamping: count))))
        }
    }

    /// The first reason in OpenSSL's queue, in its own words. The queue is the thread's: ask before the next `await`.
    static func queuedReason() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        if let reason = ERR_reason_error_string(code) { return String(cString: reason) }
        return code == 0 ? "the other side closed the connection" : "error \(code)"
    }

    private static func sentence(about peer: String, _ verdict: Int) -> String {
        let reason = String(cString: X509_verify_cert_error_string(verdict))
        switch Int32(clamping: verdict) {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "The certificate that \(peer) showed is for another host (\(reason))"
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            return "The certificate of \(peer) is not valid now (\(reason)); look at this machine's clock, too"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return "The certificate of \(peer) is from an authority that is not trusted here (\(reason)); install "
                + "ca-certificates, or name a file with the authority in SSL_CERT_FILE"
        default:
            return "The certificate of \(peer) is not valid: \(reason)"
        }
    }
}
