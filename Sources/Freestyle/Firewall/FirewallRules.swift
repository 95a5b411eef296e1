import Access
import Egress
import FoundationEssentials
import Linux
import Records
import Synchronization
import Wire

/// The firewall rules of all owners. A rule dies with the machine that it names.
final class FirewallRules: Sendable {
    /// Of one owner.
    private static let limit = 10_000
    /// Of one machine.
    static let machineLimit = 200

    private let database: Database
    private let rules: Mutex<[StoredRule]>

    init(_ database: Database) async throws {
        self.database = database
        let texts = try await database.read { connection in
            try connection.query("SELECT record FROM freestyleRules ORDER BY rowid") { try $0.text("record") }
        }
        rules = Mutex(try texts.map { try JSONValue(parsing: $0).decode(StoredRule.self) })
    }

    /// The rules that a caller may know of, the oldest first.
    func all(_ caller: Caller) -> [StoredRule] { rules.withLock { $0.filter { caller.sees($0.owner) } } }

    /// What the rules of its owner, and those that name it, let out of a machine.
    func outgoing(from vm: String, of owner: Owner) -> [FirewallRule] {
        rules.withLock { $0 }.filter { $0.owner == owner || $0.source.vm == vm }.compactMap { $0.outgoing(from: vm) }
    }

    func find(_ id: String, _ caller: Caller) throws -> StoredRule {
        guard let rule = all(caller).first(where: { $0.id == id }) else {
            throw FreestyleError.notFound("There is no firewall rule '\(id)'")
        }
        return rule
    }

    /// - Parameter vm: the machine that ends without an identity mean.
    func add(_ drafts: [FirewallRuleDraft], of owner: Owner, for vm: String? = nil) async throws -> [StoredRule] {
        if drafts.isEmpty { return [] }
        let added = drafts.map { draft in
            let draft = vm.map { draft.about($0) } ?? draft
            return StoredRule(
                id: "fwr-\(Random.uuid())",
                owner: owner,
                source: draft.source,
                destination: draft.destination,
                created: Date()
            )
        }
        try check(added, owner)
        let texts = try added.map { try JSONValue(encoding: $0).text() }
        try await database.transaction { connection in
            for (rule, text) in zip(added, texts) {
                _ = try connection.execute(
                    "INSERT INTO freestyleRules (id, owner, record) VALUES (?, ?, ?)",
                    rule.id,
                    rule.owner.rawValue,
                    text
                )
            }
        }
        rules.withLock { $0 += added }
        return added
    }

    /// Gives a machine the rules of another.
    func copy(from vm: String, to other: String, of owner: Owner) async throws {
        let drafts = rules.withLock { $0.filter { $0.machines.contains(vm) } }.map { rule in
            var draft = FirewallRuleDraft(source: rule.source, destination: rule.destination)
            if draft.source.vm == vm { draft.source.vm = other }
            if draft.destination.vm == vm { draft.destination.vm = other }
            return draft
        }
        _ = try await add(drafts, of: owner)
    }

    private func check(_ added: [StoredRule], _ owner: Owner) throws {
        let all = rules.withLock { $0.filter { $0.owner == owner } } + added
        guard all.count <= Self.limit else {
            throw FreestyleError(429, .limitExceeded, "An account has at most \(Self.limit) firewall rules")
        }
        for vm in added.reduce(into: Set<String>(), { $0.formUnion($1.machines) }) {
            guard all.count(where: { $0.machines.contains(vm) }) <= Self.machineLimit else {
                throw FreestyleError(429, .limitExceeded, "A VM has at most \(Self.machineLimit) firewall rules")
            }
        }
    }

    func remove(_ ids: Set<String>) async throws {
        if ids.isEmpty { return }
        try await database.transaction { connection in
            for id in ids { _ = try connection.execute("DELETE FROM freestyleRules WHERE id = ?", id) }
        }
        rules.withLock { $0.removeAll { ids.contains($0.id) } }
    }

    /// Removes the rules that name a machine that is no more.
    func removeAll(about vm: String) async throws {
        try await remove(Set(rules.withLock { $0.filter { $0.machines.contains(vm) } }.map(\.id)))
    }
}
