// Access: who may use this installation over the network.
//
//     a key ──SHA-256──► a row in `keys` ──► its owner ──► that owner's sandboxes, templates for all
//
// The keys are in the records, as hashes; this process holds them in memory too, since no other writes them (the daemon has
// its home to itself). One key, the installation's own, is also in a file that is its user's alone, for local programs.

import FoundationEssentials
import Linux
import Records
import Synchronization
import Wire

/// All keys of this installation.
package final class APIKeys: Sendable {
    private struct Entry: Sendable {
        let hash: KeyHash
        var key: APIKey
        /// When its last use was written down.
        var noted: Date?
    }

    /// Of one owner. More are a mistake somewhere: every request is compared with all keys there are.
    private static let limit = 1000
    /// How exactly the time of a key's last use survives the daemon.
    private static let noteInterval: TimeInterval = 60

    private let database: Database
    private let entries: Mutex<[Entry]>

    package init(_ database: Database) async throws {
        self.database = database
        let rows = try await database.read { connection in
            try connection.query("SELECT * FROM keys ORDER BY created, id") { row in
                Entry(
                    hash: KeyHash(bytes: try row.blob("hash")),
                    key: APIKey(
                        id: try row.text("id"),
                        owner: Owner(rawValue: try row.text("owner")),
                        name: try row.text("name"),
                        mask: APIKey.Mask(beginning: try row.text("beginning"), ending: try row.text("ending")),
                        created: Date(timeIntervalSince1970: try row.real("created")),
                        lastUsed: try row.optionalReal("lastUsed").map { Date(timeIntervalSince1970: $0) },
                        isInstallations: try row.boolean("isInstallations"),
                        budget: KeyBudget(
                            maxCostUSD: try row.optionalReal("maxCost"),
                            maxTokens: try row.optionalInteger("maxTokens"),
                            maxCostPerDayUSD: try row.optionalReal("maxCostPerDay"),
                            maxTokensPerDay: try row.optionalInteger("maxTokensPerDay")
                        )
                    )
                )
            }
        }
        entries = Mutex(rows)
    }

    // MARK: Asking

    /// What is known of a key that somebody shows; nil when it is nobody's.
    package func find(_ key: String) async throws -> APIKey? {
        guard APIKey.isWellFormed(key) else { return nil }
        let hash = KeyHash(of: key)
        let now = Date()
        let used: (key: APIKey, isToBeNoted: Bool)? = entries.withLock { entries in
            // All of them, each in the same time.
            var found: Int?
            for index in entries.indices where entries[index].hash.matches(hash) { found = index }
            guard let found else { return nil }
            entries[found].key.lastUsed = now
            let isToBeNoted = entries[found].noted.map { now.timeIntervalSince($0) > Self.noteInterval } ?? true
            if isToBeNoted { entries[found].noted = now }
            return (entries[found].key, isToBeNoted)
        }
        guard let used else { return nil }
        // Records that can not be written are no reason to turn a good key away.
        if used.isToBeNoted { try? await note(used.key) }
        return used.key
    }

    /// Whose key this is; nil when it is nobody's.
    package func owner(of key: String) async throws -> Owner? {
        try await find(key)?.owner
    }

    /// The keys of one owner, or of all, the oldest first.
    package func list(of owner: Owner?) -> [APIKey] {
        entries.withLock { entries in entries.map(\.key).filter { owner == nil || $0.owner == owner } }
    }

    /// The owners that have a key.
    package var owners: [Owner] {
        Set(list(of: nil).map(\.owner)).sorted { $0.rawValue < $1.rawValue }
    }

    // MARK: Changing

    /// Makes a key. It can be read here, once.
    package func add(
        name: String,
        owner: Owner,
        budget: KeyBudget = KeyBudget()
    ) async throws -> (key: APIKey, secret: Secret) {
        let secret = APIKey.makeSecret()
        let (name, budget) = (try Self.checked(name), try Self.checked(budget))
        return (try await add(secret, name: name, owner: owner, isInstallations: false, budget: budget), secret)
    }

    /// Sets what a key may spend, all of it anew.
    package func set(_ budget: KeyBudget, of id: String) async throws -> APIKey {
        let budget = try Self.checked(budget)
        let key = try find(id, of: nil)
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE keys SET maxCost = ?, maxTokens = ?, maxCostPerDay = ?, maxTokensPerDay = ? WHERE id = ?",
                budget.maxCostUSD,
                budget.maxTokens,
                budget.maxCostPerDayUSD,
                budget.maxTokensPerDay,
                key.id
            )
        }
        return entries.withLock { entries in
            for index in entries.indices where entries[index].key.id == id { entries[index].key.budget = budget }
            return entries.first { $0.key.id == id }?.key ?? key
        }
    }

    package func rename(_ id: String, to name: String, of owner: Owner?) async throws -> APIKey {
        let name = try Self.checked(name)
        let key = try find(id, of: owner)
        try await database.transaction { connection in
            _ = try connection.execute("UPDATE keys SET name = ? WHERE id = ?", name, key.id)
        }
        return entries.withLock { entries in
            for index in entries.indices where entries[index].key.id == id { entries[index].key.name = name }
            return entries.first { $0.key.id == id }?.key ?? key
        }
    }

    /// Takes a key away; from now on it opens nothing. What was made with it stays its owner's.
    package func remove(_ id: String, of owner: Owner?) async throws {
        let key = try find(id, of: owner)
        guard !key.isInstallations else {
            throw AccessError(
                .inUse,
                "The key '\(key.name)' is the installation's own; delete the file 'api-key' and start the daemon again to replace it"
            )
        }
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM keys WHERE id = ?", key.id)
        }
        entries.withLock { $0.removeAll { $0.key.id == id } }
    }

    /// The installation's own key: the one in the file at `path`, which is made when there is none.
    ///
    /// Whoever deletes the file gets a new key with the next start, and the old one opens nothing any more.
    package func installationKey(inFile path: String) async throws -> Secret {
        let text = (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace } }
        let secret: Secret
        if let text, APIKey.isWellFormed(text) {
            let hash = KeyHash(of: text)
            if entries.withLock({ $0.contains { $0.hash.matches(hash) } }) { return Secret(text) }
            secret = Secret(text)
        } else {
            secret = APIKey.makeSecret()
            try secret.exposed { (key) throws in try Files.write(key.utf8, to: path) }
        }
        try await database.transaction { connection in
            _ = try connection.execute("DELETE FROM keys WHERE isInstallations = 1")
        }
        entries.withLock { $0.removeAll { $0.key.isInstallations } }
        _ = try await add(secret, name: "installation", owner: .installation, isInstallations: true)
        return secret
    }

    private func add(
        _ secret: Secret,
        name: String,
        owner: Owner,
        isInstallations: Bool,
        budget: KeyBudget = KeyBudget()
    ) async throws -> APIKey {
        guard list(of: owner).count < Self.limit else {
            throw AccessError(.tooMany, "'\(owner)' has \(Self.limit) keys already; remove some that nobody uses")
        }
        let entry = secret.exposed { text in
            Entry(
                hash: KeyHash(of: text),
                key: APIKey(
                    id: Random.uuid(),
                    owner: owner,
                    name: name,
                    mask: APIKey.Mask(of: text),
                    created: Date(),
                    lastUsed: nil,
                    isInstallations: isInstallations,
                    budget: budget
                )
            )
        }
        try await insert(entry)
        entries.withLock { $0.append(entry) }
        return entry.key
    }

    private func find(_ id: String, of owner: Owner?) throws -> APIKey {
        guard let key = list(of: owner).first(where: { $0.id == id }) else {
            throw AccessError(.notFound, "There is no key with the id '\(id)'")
        }
        return key
    }

    private static func checked(_ name: String) throws -> String {
        let isName =
            (1...100).contains(name.count) && !name.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
        guard isName else {
            throw AccessError(.invalidName, "A key's name has 1 to 100 characters, none of them a control character")
        }
        return name
    }

    private static func checked(_ budget: KeyBudget) throws -> KeyBudget {
        let isBudget =
            [budget.maxCostUSD, budget.maxCostPerDayUSD].allSatisfy { ($0 ?? 1).isFinite && ($0 ?? 1) >= 0 }
            && [budget.maxTokens, budget.maxTokensPerDay].allSatisfy { ($0 ?? 1) >= 0 }
        guard isBudget else {
            throw AccessError(.invalidBudget, "A key's budget is an amount of dollars or tokens, not less than nothing")
        }
        return budget
    }

    // MARK: Records

    private func insert(_ entry: Entry) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                """
                INSERT INTO keys (id, hash, owner, name, beginning, ending, created, lastUsed, isInstallations,
                maxCost, maxTokens, maxCostPerDay, maxTokensPerDay) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?)
                """,
                entry.key.id,
                entry.hash.bytes,
                entry.key.owner.rawValue,
                entry.key.name,
                entry.key.mask.beginning,
                entry.key.mask.ending,
                entry.key.created.timeIntervalSince1970,
                entry.key.isInstallations,
                entry.key.budget.maxCostUSD,
                entry.key.budget.maxTokens,
                entry.key.budget.maxCostPerDayUSD,
                entry.key.budget.maxTokensPerDay
            )
        }
    }

    private func note(_ key: APIKey) async throws {
        try await database.transaction { connection in
            _ = try connection.execute(
                "UPDATE keys SET lastUsed = ? WHERE id = ?",
                key.lastUsed?.timeIntervalSince1970,
                key.id
            )
        }
    }
}
