import Access
import Audit
import Egress
import FoundationEssentials
import Linux
import Records
import Synchronization
import Wire

/// The audit logs of sandboxes: `audit/ID.jsonl`, one each.
///
/// Written while a sandbox lives, by this daemon alone; at its end the hash of the last line goes into the records, so that
/// lines that are cut off are missed. Removed after a month.
package final class SandboxAudits: Sendable {
    private static let lifetime: TimeInterval = 30 * 86_400

    private let directory: String
    private let database: Database
    private let open = Mutex<[String: AuditLog]>([:])
    private let log: @Sendable (String) -> Void

    init(_ home: Home, _ database: Database, log: @escaping @Sendable (String) -> Void) {
        directory = home.audit
        self.database = database
        self.log = log
    }

    private func path(_ id: String) -> String { "\(directory)/\(id).jsonl" }

    /// Writes a line about a sandbox; one that can not be written is said in the daemon's log, and holds nothing up.
    package func note(_ id: String, _ event: String, _ facts: [String: JSONValue] = [:]) {
        let audit = open.withLock { open -> AuditLog? in
            if let audit = open[id] { return audit }
            do {
                try Files.makeDirectory(directory)
                let audit = try AuditLog(path(id))
                open[id] = audit
                return audit
            } catch {
                log("sandbox \(id): no audit log: \(error)")
                return nil
            }
        }
        guard let audit, audit.failure == nil else { return }
        audit.append(event, facts)
        if let failure = audit.failure { log("sandbox \(id): its audit log ends: \(failure)") }
    }

    /// Writes the last line, and remembers which it was.
    func close(_ record: SandboxRecord, _ reason: StopReason) async {
        note(record.id, "sandbox.ended", ["reason": .string(reason.rawValue)])
        guard let audit = open.withLock({ $0.removeValue(forKey: record.id) }) else { return }
        let head = audit.head
        _ = try? await database.transaction { connection in
            try connection.execute(
                "INSERT OR REPLACE INTO audits (sandbox, owner, number, hash, ended) VALUES (?, ?, ?, ?, ?)",
                record.id,
                record.owner.rawValue,
                head.number,
                head.hash,
                Date().timeIntervalSince1970
            )
        }
    }

    /// All lines about a sandbox, each checked.
    ///
    /// - Throws: ``AuditError`` that names the first line that is not as it was written; ``SandboxError`` when there are none.
    package func entries(of id: String) async throws -> [AuditEntry] {
        let present = open.withLock { $0[id]?.head }
        let kept = try await database.read { connection in
            try connection.query("SELECT number, hash FROM audits WHERE sandbox = ?", id) { row in
                AuditLog.Head(number: try row.integer("number"), hash: try row.text("hash"))
            }
        }
        let path = path(id)
        guard SandboxAudits.isName(id), Files.exists(path) || present != nil || !kept.isEmpty else {
            throw SandboxError(.notFound, "There is no audit log of a sandbox '\(id)'; its whole id is needed")
        }
        return try await BlockingPool.run { try AuditLog.entries(in: path, upTo: present ?? kept.first) }
    }

    /// A sandbox's id: never a path that leads elsewhere.
    private static func isName(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }
    }

    /// Removes the logs of those that ended too long ago.
    func removeOld(now: Date = Date()) async {
        let limit = now.timeIntervalSince1970 - Self.lifetime
        let old = try? await database.transaction { connection in
            let old = try connection.query("SELECT sandbox FROM audits WHERE ended < ?", limit) { row in
                try row.text("sandbox")
            }
            try connection.execute("DELETE FROM audits WHERE ended < ?", limit)
            return old
        }
        for id in old ?? [] { try? Files.remove(path(id)) }
    }
}

extension EgressEvent {
    /// What an audit log says of it.
    var audit: (event: String, facts: [String: JSONValue]) {
        var facts: [String: JSONValue] = ["decision": .string("\(decision)")]
        if let name { facts["name"] = .string(name.text) }
        if let address { facts["address"] = .string("\(address)") }
        if let port { facts["port"] = .integer(Int64(port)) }
        switch kind {
        case .question: return ("egress.question", facts)
        case .connection: return ("egress.connection", facts)
        case .changed(let rule, let method, let path):
            facts["rule"] = .string(rule)
            facts["method"] = .string(method)
            facts["path"] = .string(path)
            return ("egress.changed", facts)
        case .misplaced(let method, let path):
            facts["method"] = .string(method)
            facts["path"] = .string(path)
            return ("egress.misplaced", facts)
        case .unreachable(let reason):
            facts["error"] = .string(reason)
            return ("egress.unreachable", facts)
        case .ended(let sent, let received), .cut(let sent, let received):
            facts["sent"] = .integer(Int64(sent))
            facts["received"] = .integer(Int64(received))
            if case .cut = kind { return ("egress.cut", facts) }
            return ("egress.ended", facts)
        }
    }
}
