// Volumes: directory trees of the host that outlive sandboxes.
//
//     a name ──► a row in `volumes` ──► volumes/ID/             the files
//                                       volumes/.incoming/      files that are being written, until they are whole
//                                       volumes/.removed/       trees that are being removed
//
// A client finds a volume with its owner's key, and gets a token with it; with the token alone it uses the files. Clients name
// files by paths that may say anything, and may have put links anywhere: VolumeFiles is where neither leads out.

import Access
import FoundationEssentials
import Glibc
import Linux
import Records
import Wire

/// All volumes of this installation.
package struct VolumeStore: Sendable {
    package static let nameLimit = 128
    /// Of one owner.
    private static let limit = 1000
    /// Bytes of the disk that stay free of volumes.
    package static let reserve: Int64 = 256 * 1024 * 1024

    private let database: Database
    private let tokens: VolumeTokens
    private let path: String
    private let directory: Descriptor
    private let incoming: IncomingFiles
    private let removed: RemovedFiles
    private let tunnels = VolumeTunnels()

    /// Opens the directory at `path`, makes it if there is none, and removes what an earlier daemon had not finished.
    ///
    /// - Parameter keyFile: what tokens are derived from; made when there is none.
    package init(
        _ database: Database,
        path: String,
        keyFile: String,
        reserve: Int64 = reserve
    ) async throws {
        self.database = database
        self.path = path
        (tokens, directory, incoming, removed) = try await BlockingPool.run {
            let tokens = try VolumeTokens(keyFile: keyFile)
            try Files.makeDirectory(path)
            let directory = try Descriptor.open(path, O_RDONLY | O_DIRECTORY)
            let incoming = try IncomingFiles("\(path)/.incoming", reserve: reserve)
            let removed = try RemovedFiles("\(path)/.removed")
            try incoming.empty()
            try removed.empty()
            return (tokens, directory, incoming, removed)
        }
    }

    // MARK: For whoever has a key

    /// - Throws: ``VolumesError`` when the owner has one of this name, or too many.
    package func add(_ name: String, owner: Owner) async throws -> Volume {
        try Self.checkName(name)
        let volume = Volume(id: "vol_" + Random.name(20), owner: owner, name: name, created: Date())
        // Before the record: whoever finds that finds a volume.
        try check("make the directory of a volume") { mkdirat(directory.raw, volume.id, 0o700) }
        do {
            try await database.transaction { connection in try Self.insert(volume, connection) }
        } catch {
            unlinkat(directory.raw, volume.id, AT_REMOVEDIR)
            throw error
        }
        return volume
    }

    package func volume(_ id: String, owner: Owner) async throws -> Volume {
        let volume = try await find(id)
        guard volume.owner == owner else { throw Self.noVolume(id) }
        return volume
    }

    /// An owner's volumes, the oldest first.
    package func list(of owner: Owner) async throws -> [Volume] {
        try await database.read { connection in
            try connection.query(
                "SELECT * FROM volumes WHERE owner = ? ORDER BY created, id",
                owner.rawValue,
                row: { row in try Volume(row) }
            )
        }
    }

    /// What opens a volume's files. The same at all times.
    package func token(of volume: Volume) -> Secret {
        tokens.token(of: volume.id)
    }

    /// Removes a volume with all that is in it.
    package func remove(_ id: String, owner: Owner) async throws {
        let volume = try await volume(id, owner: owner)
        let count = try await database.transaction { connection in
            try connection.execute("DELETE FROM volumes WHERE id = ?", volume.id)
        }
        // Somebody else has removed it since.
        guard count > 0 else { throw Self.noVolume(id) }
        tunnels.end(volume.id)
        try await BlockingPool.run { [removed, directory] in
            do throws(LinuxError) {
                try removed.remove(volume.id, from: directory)
            } catch {
                throw VolumesError(.failed, "'\(volume.name)' is gone, but some of its files are not", cause: error)
            }
        }
    }

    // MARK: For whoever has a token

    /// The files of a volume.
    ///
    /// - Throws: ``VolumesError`` for another token than the volume's, whether or not there is such a volume; and when there is
    ///   none any more.
    package func content(of id: String, token: String) async throws -> VolumeContent {
        guard tokens.token(of: id).matches(token) else {
            throw VolumesError(
                .unauthorized,
                "The token in 'Authorization: Bearer …' is missing, or is not that of the volume '\(id)'"
            )
        }
        let volume = try await find(id)
        return VolumeContent(files: VolumeFiles(root: try root(of: volume), removed: removed), incoming: incoming)
    }

    private func root(of volume: Volume) throws -> Descriptor {
        do throws(LinuxError) {
            return try Descriptor.open("\(path)/\(volume.id)", pathOnly | O_DIRECTORY | O_NOFOLLOW)
        } catch {
            throw error.code == .notFound ? Self.noVolume(volume.id) : error
        }
    }

    // MARK: For guests

    /// The volume of an owner that has this name, or this id.
    package func volume(called name: String, owner: Owner) async throws -> Volume {
        let all = try await list(of: owner)
        guard let volume = all.first(where: { $0.name == name }) ?? all.first(where: { $0.id == name }) else {
            throw VolumesError(.notFound, "Volume '\(name)' not found")
        }
        return volume
    }

    /// Serves a volume on a guest's tunnel until that ends; see ``VolumeTunnels``.
    ///
    /// - Parameters:
    ///   - sandbox: the id of the guest's sandbox.
    ///   - granted: the volumes that the sandbox was made with.
    package func serve(
        _ volume: String?,
        to sandbox: String,
        granted: [VolumeMount],
        on stream: any ByteStream
    ) async {
        await tunnels.serve(volume, to: sandbox, granted: granted, on: stream) { [self] id in
            MountedFiles(root: try root(of: try await find(id)), incoming: incoming)
        }
    }

    // MARK: Records

    private func find(_ id: String) async throws -> Volume {
        let found = try await database.read { connection in
            try connection.query("SELECT * FROM volumes WHERE id = ?", id, row: { row in try Volume(row) })
        }
        guard let volume = found.first else { throw Self.noVolume(id) }
        return volume
    }

    private static func insert(_ volume: Volume, _ connection: borrowing Connection) throws {
        let names = try connection.query(
            "SELECT name FROM volumes WHERE owner = ?",
            volume.owner.rawValue,
            row: { row in try row.text("name") }
        )
        guard !names.contains(volume.name) else {
            throw VolumesError(.nameTaken, "Volume with name '\(volume.name)' already exists")
        }
        guard names.count < limit else {
            throw VolumesError(.tooMany, "'\(volume.owner)' has \(limit) volumes already; remove some that nobody uses")
        }
        try connection.execute(
            "INSERT INTO volumes (id, owner, name, created) VALUES (?, ?, ?, ?)",
            volume.id,
            volume.owner.rawValue,
            volume.name,
            volume.created.timeIntervalSince1970
        )
    }

    private static func noVolume(_ id: String) -> VolumesError {
        VolumesError(.notFound, "Volume '\(id)' not found")
    }

    private static func checkName(_ name: String) throws(VolumesError) {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
            default: false
            }
        }
        guard isPlain, (1...nameLimit).contains(name.utf8.count) else {
            throw VolumesError(.invalid, "The name of a volume has 1 to \(nameLimit) letters, digits, '-' and '_'")
        }
    }
}

extension Volume {
    fileprivate init(_ row: borrowing Row) throws {
        id = try row.text("id")
        owner = Owner(rawValue: try row.text("owner"))
        name = try row.text("name")
        created = Date(timeIntervalSince1970: try row.real("created"))
    }
}
