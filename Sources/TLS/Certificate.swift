import COpenSSL
import Glibc
import Linux

/// A certificate together with its key.
final class Certificate {
    /// What a certificate is for.
    enum Purpose {
        /// Signs others.
        case authority(name: String)
        /// Signs others, authorities among them.
        case ancestor(name: String)
        /// Proves that a server is `domain` or a name directly below it.
        case server(domain: String)
        /// Proves that a server is this one name.
        case host(String)
    }

    let certificate: OpaquePointer
    let key: OpaquePointer

    private init(_ certificate: OpaquePointer, _ key: OpaquePointer) {
        self.certificate = certificate
        self.key = key
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
    }

    /// Makes a new key and a certificate about it, signed by `authority` or, without one, by itself.
    static func make(
        for purpose: Purpose,
        days: Int,
        signedBy authority: Certificate? = nil
    ) throws(TLSError) -> Certificate {
        ERR_clear_error()
        guard let key = copenssl_make_key() else { throw failure("be made") }
        return try make(for: purpose, days: days, about: key, signedBy: authority)
    }

    /// Another certificate about the same key, which whoever trusts `authority` believes.
    func vouched(as purpose: Purpose, days: Int, by authority: Certificate) throws(TLSError) -> Certificate {
        ERR_clear_error()
        guard EVP_PKEY_up_ref(key) == 1 else { throw Self.failure("be made") }
        return try Self.make(for: purpose, days: days, about: key, signedBy: authority)
    }

    /// - Parameter key: taken over.
    private static func make(
        for purpose: Purpose,
        days: Int,
        about key: OpaquePointer,
        signedBy authority: Certificate?
    ) throws(TLSError) -> Certificate {
        guard let certificate = X509_new() else {
            EVP_PKEY_free(key)
            throw failure("be made")
        }
        let made = Certificate(certificate, key)
        let signer = authority ?? made
        let name = X509_get_subject_name(certificate)
        let commonName: String
        switch purpose {
        case .authority(let name), .ancestor(let name): commonName = name
        case .server, .host: commonName = "Martlet"
        }
        // Clocks differ: it is valid from yesterday on.
        guard X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), .random(in: 1...UInt64(Int64.max))) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86_400) != nil,
            X509_set_pubkey(certificate, key) == 1,
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_FLAG, commonName, -1, -1, 0) == 1,
            X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate)) == 1
        else { throw failure("be made") }
        for (kind, text) in extensions(purpose) {
            var context = X509V3_CTX()
            X509V3_set_ctx(&context, signer.certificate, certificate, nil, nil, 0)
            guard let field = X509V3_EXT_conf_nid(nil, &context, kind, text) else { throw failure("be made") }
            defer { X509_EXTENSION_free(field) }
            guard X509_add_ext(certificate, field, -1) == 1 else { throw failure("be made") }
        }
        guard X509_sign(certificate, signer.key, EVP_sha256()) > 0 else { throw failure("be signed") }
        return made
    }

    /// In an order in which each finds what it refers to.
    private static func extensions(_ purpose: Purpose) -> [(Int32, String)] {
        switch purpose {
        case .authority: authorityExtensions("critical,CA:TRUE,pathlen:0")
        case .ancestor: authorityExtensions("critical,CA:TRUE")
        case .server(let domain): serverExtensions("DNS:*.\(domain),DNS:\(domain)")
        case .host(let name): serverExtensions("DNS:\(name)")
        }
    }

    private static func authorityExtensions(_ constraints: String) -> [(Int32, String)] {
        [
            (NID_basic_constraints, constraints), (NID_key_usage, "critical,keyCertSign,cRLSign"),
            (NID_subject_key_identifier, "hash"),
        ]
    }

    private static func serverExtensions(_ names: String) -> [(Int32, String)] {
        [
            (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
            (NID_authority_key_identifier, "keyid"), (NID_subject_alt_name, names),
        ]
    }

    /// Whether it is valid for at least that long.
    func isValid(forDays days: Int) -> Bool {
        var moment = time(nil) + days * 86_400
        return X509_cmp_time(X509_get0_notAfter(certificate), &moment) > 0
    }

    func isSigned(by authority: Certificate) -> Bool {
        X509_verify(certificate, authority.key) == 1
    }

    /// Whether a client that wants the server called `name` is content with it.
    func names(_ name: String) -> Bool {
        X509_check_host(certificate, name, name.utf8.count, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS), nil) == 1
    }

    // MARK: PEM

    /// Reads a file that holds a key and its certificate; nil when it does not.
    convenience init?(file: String) {
        guard let bytes = try? Files.read(file) else { return nil }
        ERR_clear_error()
        defer { ERR_clear_error() }
        let read: (OpaquePointer, OpaquePointer)? = PEM.reading(bytes) { text in
            guard let key = PEM_read_bio_PrivateKey(text, nil, copenssl_no_password, nil) else { return nil }
            guard let certificate = PEM_read_bio_X509(text, nil, copenssl_no_password, nil) else {
                EVP_PKEY_free(key)
                return nil
            }
            return (certificate, key)
        }
        guard let (certificate, key) = read else { return nil }
        self.init(certificate, key)
        guard X509_check_private_key(certificate, key) == 1 else { return nil }
    }

    func certificateText() throws(TLSError) -> [UInt8] {
        try Self.text { PEM_write_bio_X509($0, certificate) }
    }

    func keyText() throws(TLSError) -> [UInt8] {
        try Self.text { PEM_write_bio_PKCS8PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private static func text(_ write: (OpaquePointer) -> Int32) throws(TLSError) -> [UInt8] {
        ERR_clear_error()
        guard let text = BIO_new(BIO_s_mem()) else { throw failure("be written") }
        defer { BIO_free(text) }
        guard write(text) == 1 else { throw failure("be written") }
        let count = BIO_ctrl_pending(text)
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, Int(BIO_read(text, buffer.baseAddress, Int32(clamping: count))))
        }
    }

    private static func failure(_ what: String) -> TLSError {
        TLSError(.identity, "A certificate could not \(what): \(TLSSession.queuedReason())")
    }
}
