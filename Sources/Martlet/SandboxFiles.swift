import RPC
import Wire

/// Files of a sandbox. Relative paths begin at the user's home.
public struct SandboxFiles: Sendable {
    let sandbox: Sandbox

    /// Writes a file, and makes the directories that it needs.
    public func write(_ text: String, to path: String, user: String? = nil) async throws {
        try await write(Array(text.utf8), to: path, user: user)
    }

    /// Writes a file, and makes the directories that it needs.
    public func write(_ bytes: [UInt8], to path: String, user: String? = nil) async throws {
        try await Daemon.telling { try await sandbox.guest.write(bytes, toFile: path, user: user) }
    }

    /// Reads a file of at most 64 MiB.
    public func read(_ path: String, user: String? = nil) async throws -> [UInt8] {
        try await Daemon.telling { try await sandbox.guest.read(file: path, user: user) }
    }

    /// Reads a file as text; what is no UTF-8 in it is replaced.
    public func readText(_ path: String, user: String? = nil) async throws -> String {
        String(decoding: try await read(path, user: user), as: UTF8.self)
    }

    /// The entries of a directory, so many levels deep.
    public func list(_ path: String, depth: Int = 1) async throws -> [FileEntry] {
        let request = ListDirectory.Request(path: path, depth: UInt32(clamping: depth))
        return try await Daemon.telling { try await sandbox.guest.call(ListDirectory.self, request).entries }
    }

    /// Whether there is something at a path.
    public func exists(_ path: String) async throws -> Bool {
        do {
            _ = try await sandbox.guest.call(StatFile.self, StatFile.Request(path: path))
            return true
        } catch let error as CallError where error.code == .notFound {
            return false
        }
    }

    public func makeDirectory(_ path: String) async throws {
        _ = try await Daemon.telling { try await sandbox.guest.call(MakeDirectory.self, .init(path: path)) }
    }

    public func move(_ source: String, to destination: String) async throws {
        let request = MoveFile.Request(source: source, destination: destination)
        _ = try await Daemon.telling { try await sandbox.guest.call(MoveFile.self, request) }
    }

    /// Removes a file, or a directory with all that is in it.
    public func remove(_ path: String) async throws {
        _ = try await Daemon.telling { try await sandbox.guest.call(RemoveFile.self, .init(path: path)) }
    }
}
