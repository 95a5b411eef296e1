import GuestLink
import HTTP
import Linux
import Sandboxes
import TLS
import Wire

/// A file that is to be in a machine whole or not at all: it is written beside its place, checked, and moved there.
struct NewFile: Sendable {
    static let largest = 16 << 30

    let path: GuestPath
    /// Nil keeps the rights of what is there.
    let mode: UInt32?
    /// What it must be, as 64 hexadecimal digits.
    let digest: String?
    let user: String?

    /// Reads what is asked for besides the content; modes are decimal: 384 is `0600`.
    init(path: GuestPath, mode: Int64?, digest: String?, user: String?) throws {
        self.path = path
        self.mode = mode.map { UInt32($0) }
        let digest = digest?.lowercased()
        let isDigest = digest.map { $0.utf8.count == 64 && $0.allSatisfy(\.isHexDigit) } ?? true
        guard isDigest else { throw FreestyleError.badRequest("'sha256' must be 64 hexadecimal digits") }
        self.digest = digest
        self.user = user
        guard path.text != "/" else { throw FreestyleError.badRequest("'path' must be a file's, not '/'") }
    }

    static let modes: ClosedRange<Int64> = 0...0o7777

    /// Writes the file from what `source` gives; an empty array is the end.
    func write(to sandbox: Sandbox, from source: @Sendable @escaping () async throws -> [UInt8]) async throws {
        let link = sandbox.link
        let part = path.beside("part-\(Random.name(12))")
        do {
            let content = try await Self.pour(into: part, of: sandbox, user: user, from: source)
            try check(content)
            try await link.placeFile(FilePlacement(source: part, destination: path.text, mode: mode), user: user)
        } catch {
            await Self.remove([part], from: sandbox, user)
            throw error
        }
    }

    func check(_ digest: [UInt8]) throws {
        guard let expected = self.digest, expected != Random.hex(digest) else { return }
        throw FreestyleError.badRequest(
            "The content has the SHA-256 \(Random.hex(digest)), not \(expected); the file was left as it was"
        )
    }

    /// Writes a part file and gives the SHA-256 of what went into it.
    static func pour(
        into part: String,
        of sandbox: Sandbox,
        user: String?,
        limit: Int = largest,
        from source: @Sendable @escaping () async throws -> [UInt8]
    ) async throws -> [UInt8] {
        let digest = SharedDigest()
        try await sandbox.link.writeFile(to: part, user: user) { body in
            var left = limit
            while case let bytes = try await source(), !bytes.isEmpty {
                left -= bytes.count
                guard left >= 0 else { throw HTTPError(413, "A file has at most \(limit) bytes") }
                digest.add(bytes)
                try await body.write(bytes)
            }
            try await body.finish()
        }
        return digest.value
    }

    /// Removes what was left half done, in a task of its own: whoever gave up is not to leave it.
    static func remove(_ parts: [String], from sandbox: Sandbox, _ user: String?) async {
        await Task {
            for part in parts { _ = try? await sandbox.link.call(RemoveFile.self, .init(path: part), user: user) }
        }.value
    }
}
