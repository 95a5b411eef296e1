import Access
import FoundationEssentials
import Linux
import Records
import Testing

/// Records of one test, below a directory that goes with it.
private func withKeys(_ body: (APIKeys, Database, _ directory: String) async throws -> Void) async throws {
    let directory = "/tmp/martlet-access-\(Random.name(10))"
    try Files.makeDirectory(directory)
    defer { try? Files.remove(directory) }
    let database = try await Database(path: "\(directory)/martlet.db", migrations: Migration.all)
    try await body(try await APIKeys(database), database, directory)
    await database.close()
}

private func code(_ body: () async throws -> Void) async -> AccessError.Code? {
    do {
        try await body()
        return nil
    } catch {
        return (error as? AccessError)?.code
    }
}

@Suite struct `an API key` {
    @Test func `opens what is its owner's, also for the next daemon`() async throws {
        try await withKeys { keys, database, _ in
            let ada = try #require(Owner(named: "ada"))
            let (key, secret) = try await keys.add(name: "laptop", owner: ada)
            let text = secret.exposed { $0 }
            #expect(text.hasPrefix("e2b_") && text.utf8.count == 44)
            #expect(try await keys.owner(of: text) == ada)
            let next = try await APIKeys(database)
            #expect(try await next.owner(of: text) == ada)
            #expect(next.list(of: nil).map(\.id) == [key.id])
        }
    }

    @Test func `is kept as a hash only`() async throws {
        try await withKeys { keys, database, directory in
            let (_, secret) = try await keys.add(name: "laptop", owner: .installation)
            await database.close()
            let digits = secret.exposed { Array($0.utf8.dropFirst(4)) }
            for name in Files.list(directory) {
                let bytes = try Files.read("\(directory)/\(name)")
                #expect(!String(decoding: bytes, as: UTF8.self).contains(String(decoding: digits, as: UTF8.self)))
            }
        }
    }

    @Test(arguments: ["", "e2b_", "e2b_0", "sk-1", "e2b_" + String(repeating: "g", count: 40)])
    func `is none when it does not look like one`(_ text: String) async throws {
        try await withKeys { keys, _, _ in
            let owner = try await keys.owner(of: text)
            #expect(owner == nil)
        }
    }

    @Test func `that nobody made opens nothing`() async throws {
        try await withKeys { keys, _, _ in
            let (_, secret) = try await keys.add(name: "laptop", owner: .installation)
            let text = secret.exposed { $0 }
            let last = text.last == "0" ? "1" : "0"
            #expect(try await keys.owner(of: text.dropLast() + last) == nil)
            #expect(try await keys.owner(of: "e2b_" + String(repeating: "0", count: 40)) == nil)
        }
    }

    @Test func `opens nothing once it was taken away`() async throws {
        try await withKeys { keys, database, _ in
            let (key, secret) = try await keys.add(name: "laptop", owner: .installation)
            try await keys.remove(key.id, of: .installation)
            #expect(try await keys.owner(of: secret.exposed { $0 }) == nil)
            let next = try await APIKeys(database)
            #expect(next.list(of: nil).isEmpty)
            #expect(await code { try await keys.remove(key.id, of: .installation) } == .notFound)
        }
    }

    @Test func `tells when it was last used`() async throws {
        try await withKeys { keys, database, _ in
            let (_, secret) = try await keys.add(name: "laptop", owner: .installation)
            #expect(keys.list(of: nil)[0].lastUsed == nil)
            _ = try await keys.owner(of: secret.exposed { $0 })
            #expect(keys.list(of: nil)[0].lastUsed != nil)
            let next = try await APIKeys(database)
            #expect(next.list(of: nil)[0].lastUsed != nil)
        }
    }

    @Test func `shows two digits of its beginning and four of its end`() async throws {
        try await withKeys { keys, _, _ in
            let (key, secret) = try await keys.add(name: "laptop", owner: .installation)
            let text = secret.exposed { $0 }
            #expect(text.hasPrefix("e2b_" + key.mask.beginning) && key.mask.beginning.count == 2)
            #expect(text.hasSuffix(key.mask.ending) && key.mask.ending.count == 4)
        }
    }

    @Test func `is not there for another owner`() async throws {
        try await withKeys { keys, _, _ in
            let ada = try #require(Owner(named: "ada"))
            let (key, _) = try await keys.add(name: "laptop", owner: ada)
            #expect(keys.list(of: .installation).isEmpty)
            #expect(await code { try await keys.remove(key.id, of: .installation) } == .notFound)
            #expect(await code { _ = try await keys.rename(key.id, to: "x", of: .installation) } == .notFound)
            #expect(try await keys.rename(key.id, to: "desk", of: ada).name == "desk")
        }
    }

    @Test(arguments: ["", "a\nb", String(repeating: "x", count: 101)])
    func `needs a name that people can read`(_ name: String) async throws {
        try await withKeys { keys, _, _ in
            let refusal = await code { _ = try await keys.add(name: name, owner: .installation) }
            #expect(refusal == .invalidName)
        }
    }
}

@Suite struct `the installation's own key` {
    @Test func `is made once, in a file of its user's`() async throws {
        try await withKeys { keys, database, directory in
            let path = "\(directory)/api-key"
            let first = try await keys.installationKey(inFile: path).exposed { $0 }
            let written = String(decoding: try Files.read(path), as: UTF8.self)
            #expect(written == first)
            #expect(try await keys.owner(of: first) == .installation)
            let next = try await APIKeys(database)
            #expect(try await next.installationKey(inFile: path).exposed { $0 } == first)
            #expect(next.list(of: nil).count == 1)
        }
    }

    @Test func `is one that a file had before keys were recorded`() async throws {
        try await withKeys { keys, _, directory in
            let old = "e2b_" + String(repeating: "5a", count: 20)
            try Files.write("\(old)\n".utf8, to: "\(directory)/api-key")
            #expect(try await keys.installationKey(inFile: "\(directory)/api-key").exposed { $0 } == old)
            #expect(try await keys.owner(of: old) == .installation)
        }
    }

    @Test func `is replaced when its file is deleted, and then opens nothing`() async throws {
        try await withKeys { keys, _, directory in
            let path = "\(directory)/api-key"
            let first = try await keys.installationKey(inFile: path).exposed { $0 }
            try Files.remove(path)
            let second = try await keys.installationKey(inFile: path).exposed { $0 }
            #expect(first != second)
            #expect(try await keys.owner(of: first) == nil)
            #expect(try await keys.owner(of: second) == .installation)
        }
    }

    @Test func `can not be taken away by a call`() async throws {
        try await withKeys { keys, _, directory in
            _ = try await keys.installationKey(inFile: "\(directory)/api-key")
            let id = try #require(keys.list(of: nil).first).id
            #expect(await code { try await keys.remove(id, of: nil) } == .inUse)
        }
    }
}

@Suite struct `a caller` {
    @Test func `sees what is its owner's, and everything when it is local`() throws {
        let ada = try #require(Owner(named: "ada"))
        #expect(Caller.owner(ada).sees(ada))
        #expect(!Caller.owner(ada).sees(.installation))
        #expect(!Caller.owner(.installation).sees(ada))
        #expect(Caller.local.sees(ada))
        #expect(Caller.local.owner == .installation)
        #expect(!Caller.owner(ada).managesInstallation)
    }

    @Test(arguments: ["", "Ada", "-a", "_a", "a b", "a/b", "é", String(repeating: "a", count: 64)])
    func `has no owner by such a name`(_ name: String) {
        #expect(Owner(named: name) == nil)
    }
}
