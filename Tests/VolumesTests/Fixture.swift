import Access
import Glibc
import Linux
import Records
import Testing

@testable import Volumes

/// A store in a folder that goes with the scope. Beside the volumes lies `outside`, which no call may reach.
struct Fixture: Sendable {
    static let ada = Owner(rawValue: "ada")
    static let bob = Owner(rawValue: "bob")

    let folder: String
    let database: Database
    let store: VolumeStore

    var outside: String { "\(folder)/outside" }

    func directory(of volume: Volume) -> String { "\(folder)/volumes/\(volume.id)" }

    /// The store as the next daemon opens it.
    func reopened() async throws -> VolumeStore {
        try await VolumeStore(database, path: "\(folder)/volumes", keyFile: "\(folder)/volumes.key")
    }

    func content(of volume: Volume) async throws -> VolumeContent {
        try await store.content(of: volume.id, token: store.token(of: volume).exposed { $0 })
    }

    static func with<Result>(
        reserve: Int64 = VolumeStore.reserve,
        _ body: (Fixture) async throws -> Result
    ) async throws -> Result {
        let folder = "/tmp/martlet-volumes-\(Random.name(10))"
        try Files.makeDirectory("\(folder)/outside")
        defer { try? Files.remove(folder) }
        try Files.write("not yours".utf8, to: "\(folder)/outside/secret")
        let database = try await Database(path: "\(folder)/martlet.db", migrations: Migration.all)
        let store = try await VolumeStore(
            database,
            path: "\(folder)/volumes",
            keyFile: "\(folder)/volumes.key",
            reserve: reserve
        )
        let result = try await body(Fixture(folder: folder, database: database, store: store))
        #expect(try Files.read("\(folder)/outside/secret") == Array("not yours".utf8))
        #expect(Files.list("\(folder)/outside") == ["secret"])
        #expect(Files.list("\(folder)/volumes/.incoming").isEmpty)
        #expect(Files.list("\(folder)/volumes/.removed").isEmpty)
        await database.close()
        return result
    }

    /// With one volume of Ada's.
    static func withContent(
        reserve: Int64 = VolumeStore.reserve,
        _ body: (VolumeContent, _ directory: String, _ outside: String) async throws -> Void
    ) async throws {
        try await with(reserve: reserve) { fixture in
            let volume = try await fixture.store.add("data", owner: ada)
            try await body(try await fixture.content(of: volume), fixture.directory(of: volume), fixture.outside)
        }
    }
}

extension VolumeContent {
    @discardableResult
    func write(
        _ text: String,
        to path: String,
        _ attributes: VolumeAttributes = VolumeAttributes(),
        makesParents: Bool = false
    ) async throws -> VolumeEntry {
        var pieces = [Array(text.utf8)]
        return try await write(try VolumePath(path), attributes, makesParents: makesParents, size: nil) {
            pieces.popLast() ?? []
        }
    }

    func text(_ path: String) async throws -> String {
        var bytes: [UInt8] = []
        try await read(try VolumePath(path)).read { bytes += $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    @discardableResult
    func makeDirectory(_ path: String, makesParents: Bool = false) async throws -> VolumeEntry {
        try await makeDirectory(try VolumePath(path), VolumeAttributes(), makesParents: makesParents)
    }

    func entry(_ path: String) async throws -> VolumeEntry { try await entry(at: try VolumePath(path)) }

    func remove(_ path: String) async throws { try await remove(try VolumePath(path)) }

    func paths(_ path: String, depth: Int = 1) async throws -> [String] {
        try await list(try VolumePath(path), depth: depth).map(\.path.description)
    }
}

/// The code of what `body` throws.
func code(_ body: () async throws -> Void) async -> VolumesError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? VolumesError)?.code
    }
}
