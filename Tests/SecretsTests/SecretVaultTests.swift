import Glibc
import Linux
import Records
import Testing
import Wire

@testable import Secrets

/// A vault in a folder that goes with the scope.
func withVault<Result>(_ body: (SecretVault, _ folder: String) async throws -> Result) async throws -> Result {
    let folder = "/tmp/secrets-\(Random.name(10))"
    try Files.makeDirectory(folder)
    defer { try? Files.remove(folder) }
    let database = try await Database(path: "\(folder)/martlet.db", migrations: Migration.all)
    let vault = SecretVault(database, key: try SecretKey.load("\(folder)/secrets.key"))
    let result = try await body(vault, folder)
    await database.close()
    return result
}

@Suite struct `the vault of secrets` {
    private let value = "sk-ant-api03-the-value-that-nobody-sees"

    @Test func `gives the gateway what a client stored, and the client everything but that`() async throws {
        try await withVault { vault, _ in
            let stored = try await vault.add("anthropic", Secret(value), metadata: ["team": "a"], owner: "me")
            #expect(stored.name == "anthropic" && stored.version == 1 && stored.metadata == ["team": "a"])
            #expect(!"\(stored)".contains(value))
            #expect(try await vault.secret(stored.id, owner: "me") == stored)
            #expect(try await vault.list(owner: "me") == [stored])
            for name in ["anthropic", stored.id] {
                #expect(try await vault.open(name, owner: "me").matches(value))
            }
        }
    }

    @Test func `sets by name what is there or not, for each owner apart`() async throws {
        try await withVault { vault, _ in
            for number in 0..<120 { _ = try await vault.set("n\(number)", Secret("x"), owner: "me") }
            #expect(try await vault.set("n99", Secret("two"), owner: "me").version == 2)
            #expect(try await vault.set("n99", Secret("other"), owner: "you").version == 1)
            #expect(try await vault.open("n99", owner: "me").matches("two"))
            #expect(try await vault.secret(named: "n99", owner: "you").version == 1)
            await #expect(throws: SecretsError.self) { try await vault.secret(named: "none", owner: "me") }
        }
    }

    @Test func `keeps every version`() async throws {
        try await withVault { vault, _ in
            let first = try await vault.add("key", Secret("one"), metadata: ["a": 1], owner: "me")
            let second = try await vault.replace(first.id, with: Secret("two"), owner: "me")
            #expect(second.version == 2 && second.metadata == ["a": 1] && second.created == first.created)
            #expect(
                try await vault.replace(first.id, with: Secret("three"), metadata: [:], owner: "me").metadata == [:]
            )
            #expect(try await vault.open("key", owner: "me").matches("three"))
            #expect(try await vault.open("key", version: 1, owner: "me").matches("one"))
            await #expect(throws: SecretsError.self) { try await vault.open("key", version: 4, owner: "me") }
        }
    }

    @Test func `does not exist for anybody else`() async throws {
        try await withVault { vault, _ in
            let mine = try await vault.add("key", Secret("mine"), owner: "me")
            let theirs = try await vault.add("key", Secret("theirs"), owner: "them")
            #expect(try await vault.open("key", owner: "them").matches("theirs"))
            #expect(try await vault.list(owner: "them") == [theirs])
            for attempt: @Sendable () async throws -> Void in [
                { _ = try await vault.secret(mine.id, owner: "them") },
                { _ = try await vault.replace(mine.id, with: Secret("x"), owner: "them") },
                { try await vault.remove(mine.id, owner: "them") },
                { _ = try await vault.open(mine.id, owner: "them") },
            ] {
                let error = await #expect(throws: SecretsError.self) { try await attempt() }
                #expect(error?.code == .notFound)
            }
            #expect(try await vault.open("key", owner: "me").matches("mine"))
        }
    }

    @Test func `takes a name once, and again after it was removed`() async throws {
        try await withVault { vault, _ in
            let stored = try await vault.add("key", Secret("one"), owner: "me")
            let error = await #expect(throws: SecretsError.self) {
                try await vault.add("key", Secret("two"), owner: "me")
            }
            #expect(error?.code == .nameTaken)
            try await vault.remove(stored.id, owner: "me")
            await #expect(throws: SecretsError.self) { try await vault.open("key", owner: "me") }
            _ = try await vault.add("key", Secret("three"), owner: "me")
            #expect(try await vault.open("key", owner: "me").matches("three"))
        }
    }

    @Test func `goes through long lists in pages`() async throws {
        try await withVault { vault, _ in
            for index in 10..<35 { _ = try await vault.add("key-\(index)", Secret("x"), owner: "me") }
            let first = try await vault.list(owner: "me", limit: 20)
            #expect(first.map(\.name) == (10..<30).map { "key-\($0)" })
            let rest = try await vault.list(owner: "me", after: first.last?.name ?? "", limit: 20)
            #expect(rest.map(\.name) == (30..<35).map { "key-\($0)" })
        }
    }

    @Test func `leaves no trace of a value in any file`() async throws {
        try await withVault { vault, folder in
            let stored = try await vault.add("key", Secret(value), owner: "me")
            _ = try await vault.replace(stored.id, with: Secret(value + "2"), owner: "me")
            for name in Files.list(folder) {
                let bytes = try Files.read("\(folder)/\(name)")
                #expect(bytes.firstRange(of: Array(value.utf8)) == nil, "\(name)")
            }
        }
    }

    @Test(arguments: [
        ("", 1), ("a b", 1), ("a/b", 1), ("é", 1), (String(repeating: "n", count: 129), 1), ("a", 0), ("a", 65_537),
    ])
    func `refuses what is no name or no value`(name: String, count: Int) async throws {
        try await withVault { vault, _ in
            let error = await #expect(throws: SecretsError.self) {
                try await vault.add(name, Secret(String(repeating: "v", count: count)), owner: "me")
            }
            #expect(error?.code == .invalid)
        }
    }

    @Test func `does not open with another key, nor what was moved or changed`() async throws {
        try await withVault { vault, folder in
            let one = try await vault.add("one", Secret("first"), owner: "me")
            let two = try await vault.add("two", Secret("second"), owner: "me")
            let database = try await Database(path: "\(folder)/martlet.db", migrations: Migration.all)
            let other = SecretVault(database, key: try SecretKey.load("\(folder)/other.key"))
            let error = await #expect(throws: SecretsError.self) { try await other.open("one", owner: "me") }
            #expect(error?.code == .sealBroken)
            try await database.transaction { connection in
                try connection.execute(
                    "UPDATE secretVersions SET sealed = (SELECT sealed FROM secretVersions WHERE secret = ?) WHERE secret = ?",
                    one.id,
                    two.id
                )
            }
            let moved = await #expect(throws: SecretsError.self) { try await vault.open("two", owner: "me") }
            #expect(moved?.code == .sealBroken)
            let sealed = try await database.read { connection in
                try connection.query("SELECT sealed FROM secretVersions WHERE secret = ?", one.id) {
                    try $0.blob("sealed")
                }[0]
            }
            for index in sealed.indices {
                var changed = sealed
                changed[index] ^= 1
                let bytes = changed
                try await database.transaction { connection in
                    try connection.execute("UPDATE secretVersions SET sealed = ? WHERE secret = ?", bytes, one.id)
                }
                await #expect(throws: SecretsError.self) { try await vault.open("one", owner: "me") }
            }
            await database.close()
        }
    }
}

@Suite struct `the key of the secrets` {
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = "/tmp/secret-key-\(Random.name(10))"
        try Files.makeDirectory(folder)
        defer { try? Files.remove(folder) }
        try body("\(folder)/secrets.key")
    }

    @Test func `is made once, for its user alone, and shown to nobody`() throws {
        try inFolder { path in
            let key = try SecretKey.load(path)
            #expect(try SecretKey.load(path).bytes == key.bytes)
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
            #expect("\(key)" == "‹redacted›" && String(reflecting: key) == "‹redacted›")
        }
    }

    @Test func `is refused when others may read it, or it is none, and stays as it is`() throws {
        try inFolder { path in
            _ = try SecretKey.load(path)
            chmod(path, 0o640)
            let error = #expect(throws: SecretsError.self) { try SecretKey.load(path) }
            #expect(error?.code == .key)
            chmod(path, 0o600)
            try Files.write(Array("short".utf8), to: path)
            #expect(throws: SecretsError.self) { try SecretKey.load(path) }
            #expect(try Files.read(path) == Array("short".utf8))
            try Files.rename(path, to: "\(path).real")
            symlink("\(path).real", path)
            #expect(throws: SecretsError.self) { try SecretKey.load(path) }
        }
    }
}
