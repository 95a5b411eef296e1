import COpenSSL
import Linux

/// Seals texts with AES-256-GCM.
///
/// A sealed text is a byte with the form's number, the nonce, the encrypted bytes and the tag. Its place, `id/version`, is
/// sealed with it: a row that is copied to another place does not open there.
struct SecretCipher: Sendable {
    private static let form: UInt8 = 1
    private static let nonceCount = 12
    private static let tagCount = 16

    private let key: SecretKey

    init(key: SecretKey) {
        self.key = key
    }

    func seal(_ secret: Secret, as place: String) throws(SecretsError) -> [UInt8] {
        let plain = secret.exposed { Array($0.utf8) }
        // Random nonces repeat with a chance that matters after some four billion secrets.
        let nonce = Random.bytes(Self.nonceCount)
        var sealed = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: Self.tagCount)
        let isSealed = withContext { context in
            var count: Int32 = 0
            return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1
                && addPlace(place) { EVP_EncryptUpdate(context, nil, &count, $0, $1) }
                && EVP_EncryptUpdate(context, &sealed, &count, plain, Int32(plain.count)) == 1
                && Int(count) == plain.count
                && EVP_EncryptFinal_ex(context, &tag, &count) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagCount), &tag) == 1
        }
        guard isSealed else { throw SecretsError(.key, "OpenSSL could not seal a secret with AES-256-GCM") }
        return [Self.form] + nonce + sealed + tag
    }

    func open(_ sealed: [UInt8], as place: String, name: String) throws(SecretsError) -> Secret {
        let broken = SecretsError(
            .sealBroken,
            "The secret '\(name)' can not be opened: it was sealed with another key, or changed; set it again"
        )
        let overhead = 1 + Self.nonceCount + Self.tagCount
        guard sealed.count > overhead, sealed.count < 1 << 30, sealed[0] == Self.form else { throw broken }
        let nonce = Array(sealed[1...Self.nonceCount])
        let body = Array(sealed[(1 + Self.nonceCount)..<(sealed.count - Self.tagCount)])
        var tag = Array(sealed.suffix(Self.tagCount))
        var plain = [UInt8](repeating: 0, count: body.count)
        let isOpen = withContext { context in
            var count: Int32 = 0
            var rest = [UInt8](repeating: 0, count: Self.tagCount)
            return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key.bytes, nonce) == 1
                && addPlace(place) { EVP_DecryptUpdate(context, nil, &count, $0, $1) }
                && EVP_DecryptUpdate(context, &plain, &count, body, Int32(body.count)) == 1
                && Int(count) == body.count
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagCount), &tag) == 1
                && EVP_DecryptFinal_ex(context, &rest, &count) == 1
        }
        defer { plain.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        guard isOpen, let text = String(validating: plain, as: UTF8.self) else { throw broken }
        return Secret(text)
    }

    private func addPlace(_ place: String, _ add: (UnsafePointer<UInt8>?, Int32) -> Int32) -> Bool {
        let bytes = Array("martlet secret \(place)".utf8)
        return bytes.withUnsafeBufferPointer { add($0.baseAddress, Int32($0.count)) } == 1
    }

    private func withContext(_ body: (OpaquePointer) -> Bool) -> Bool {
        guard let context = EVP_CIPHER_CTX_new() else { return false }
        defer { EVP_CIPHER_CTX_free(context) }
        return body(context)
    }
}
