import Access
import Glibc
import Linux
import Testing

@testable import Volumes

@Suite struct `the store of volumes` {
    private let ada = Fixture.ada
    private let bob = Fixture.bob

    @Test func `keeps a volume for its owner, and for nobody else`() async throws {
        try await Fixture.with { fixture in
            let store = fixture.store
            let volume = try await store.add("data", owner: ada)
            let other = try await store.add("data", owner: bob)
            #expect(volume.id != other.id && volume.name == "data")
            #expect(try await store.list(of: ada).map(\.id) == [volume.id])
            #expect(try await store.volume(volume.id, owner: ada).name == "data")
            #expect(await code { _ = try await store.volume(volume.id, owner: bob) } == .notFound)
            #expect(await code { try await store.remove(volume.id, owner: bob) } == .notFound)
            let next = try await fixture.reopened()
            #expect(try await next.list(of: ada).map(\.id) == [volume.id])
        }
    }

    @Test func `refuses a second of the same name in the hosted service's words`() async throws {
        try await Fixture.with { fixture in
            _ = try await fixture.store.add("data", owner: ada)
            let error = await #expect(throws: VolumesError.self) { try await fixture.store.add("data", owner: ada) }
            #expect(error?.code == .nameTaken)
            #expect(error?.message == "Volume with name 'data' already exists")
            #expect(Files.list("\(fixture.folder)/volumes").count == 3)
        }
    }

    @Test(arguments: ["", "a b", "a/b", "..", ".", "ü", String(repeating: "a", count: 129), "a\0b"])
    func `refuses the name`(_ name: String) async throws {
        try await Fixture.with { fixture in
            #expect(await code { _ = try await fixture.store.add(name, owner: ada) } == .invalid)
        }
    }

    @Test func `gives a token that is the same at all times, that opens one volume, and that is stored nowhere`()
        async throws
    {
        try await Fixture.with { fixture in
            let store = fixture.store
            let volume = try await store.add("data", owner: ada)
            let other = try await store.add("other", owner: ada)
            let token = store.token(of: volume).exposed { $0 }
            #expect(token.utf8.count == 64)
            #expect(try await fixture.reopened().token(of: volume).matches(token))
            _ = try await store.content(of: volume.id, token: token)
            for (id, wrong) in [
                (volume.id, ""), (volume.id, token.uppercased()), (volume.id, String(token.dropLast())),
                (other.id, token), ("vol_none", token), ("", ""), ("../outside", token),
            ] {
                #expect(await code { _ = try await store.content(of: id, token: wrong) } == .unauthorized)
            }
            for file in ["martlet.db", "martlet.db-wal", "volumes.key"] {
                let bytes = (try? Files.read("\(fixture.folder)/\(file)")) ?? []
                #expect(!String(decoding: bytes, as: UTF8.self).contains(token))
            }
            var status = stat()
            #expect(stat("\(fixture.folder)/volumes.key", &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func `removes a volume with its files, however deep, and its token opens nothing then`() async throws {
        try await Fixture.with { fixture in
            let volume = try await fixture.store.add("data", owner: ada)
            let content = try await fixture.content(of: volume)
            let deep = "/" + Array(repeating: "d", count: 1500).joined(separator: "/")
            try await content.makeDirectory(deep, makesParents: true)
            try await content.write("x", to: "/d/d/file")
            #expect(symlink(fixture.outside, "\(fixture.directory(of: volume))/d/link") == 0)
            var status = stat()
            #expect(stat(fixture.directory(of: volume), &status) == 0 && status.st_mode & 0o777 == 0o700)
            try await fixture.store.remove(volume.id, owner: ada)
            #expect(!Files.exists(fixture.directory(of: volume)))
            #expect(await code { _ = try await fixture.content(of: volume) } == .notFound)
            #expect(await code { try await fixture.store.remove(volume.id, owner: ada) } == .notFound)
            _ = try await fixture.store.add("data", owner: ada)
        }
    }

    @Test func `removes at its start what an earlier daemon had not finished, and no volume`() async throws {
        try await Fixture.with { fixture in
            let volume = try await fixture.store.add("data", owner: ada)
            try await fixture.content(of: volume).write("kept", to: "/a")
            try Files.write("half".utf8, to: "\(fixture.folder)/volumes/.incoming/half")
            try Files.makeDirectory("\(fixture.folder)/volumes/.removed/tree/below")
            try Files.makeDirectory("\(fixture.folder)/volumes/vol_of_nobody")
            _ = try await fixture.reopened()
            #expect(Files.exists("\(fixture.folder)/volumes/vol_of_nobody"))
            #expect(try await fixture.content(of: volume).text("/a") == "kept")
        }
    }

    @Test func `refuses a key file that others may read`() async throws {
        try await Fixture.with { fixture in
            chmod("\(fixture.folder)/volumes.key", 0o644)
            #expect(await code { _ = try await fixture.reopened() } == .key)
        }
    }
}
