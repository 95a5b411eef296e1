import Glibc
import Linux

/// The key that all secrets of an installation are sealed with.
///
/// Its file is made by whoever needs it first, read at each start, and deleted by nobody here: without it the secrets are
/// lost.
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
            if let key = try read(path) { return key }
            try make(path)
        } catch {
            throw SecretsError(.key, "The key of the secrets in '\(path)' can not be used", cause: error)
        }
        // Read back: of two that made one at once, one was first.
        do throws(LinuxError) {
            if let key = try read(path) { return key }
        } catch {
            throw SecretsError(.key, "The key of the secrets in '\(path)' can not be used", cause: error)
        }
        throw SecretsError(.key, "The key of the secrets in '\(path)' vanished")
    }

    private static func read(_ path: String) throws(LinuxError) -> SecretKey? {
        let file: Descriptor
        do throws(LinuxError) {
            file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
        } catch  where error.code == .notFound {
            return nil
        }
        var status = stat()
        try check("look at '\(path)'") { fstat(file.raw, &status) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0, status.st_uid == geteuid() else {
            throw LinuxError(
                .denied,
                "'\(path)' is open to others than this user; make it your own with mode 600, and replace the secrets"
            )
        }
        let bytes = try file.read(upTo: count + 1)
        guard bytes.count == count else { throw LinuxError(.denied, "'\(path)' does not hold \(count) bytes") }
        return SecretKey(bytes: bytes)
    }

    /// Writes a new key to another name and links it into place, which never replaces a key that is there.
    private static func make(_ path: String) throws(LinuxError) {
        let temporary = "\(path).\(Random.name(8))"
        let file = try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
        defer { unlink(temporary) }
        try file.writeAll(Random.bytes(count))
        try check("write '\(path)' to disk") { fsync(file.raw) }
        if link(temporary, path) < 0, errno != EEXIST { throw LinuxError("put '\(path)' in its place") }
    }

    package var description: String { "‹redacted›" }
    package var debugDescription: String { "‹redacted›" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}
