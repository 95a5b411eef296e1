import Linux

/// The key that all secrets of an installation are sealed with.
///
/// Without its file the secrets are lost.
package struct SecretKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    static let count = 32

    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        precondition(bytes.count == Self.count, "a key has \(Self.count) bytes")
        self.bytes = bytes
    }

    /// Reads the key, or makes one when there is no file.
    ///
    /// - Throws: ``SecretsError`` when others than its owner may read or change the file, or it holds no key. It is never
    ///   written over.
    package static func load(_ path: String) throws(SecretsError) -> SecretKey {
        do throws(LinuxError) {
            return SecretKey(bytes: try KeyFile.load(path, count: count))
        } catch {
            throw SecretsError(.key, "The key of the secrets in '\(path)' can not be used", cause: error)
        }
    }

    package var description: String { "‹redacted›" }
    package var debugDescription: String { "‹redacted›" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
