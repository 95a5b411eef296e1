import Audit
import RPC
import Sandboxes
import Wire

extension CallRouter {
    mutating func addAuditCalls(_ sandboxes: SandboxRegistry) {
        on(ReadSandboxAudit.self) { request, _ in
            try await refusing {
                let id = (try? sandboxes.sandbox(request.id).id) ?? request.id
                let entries = try await sandboxes.audits.entries(of: id)
                let wanted = entries.drop { $0.number <= request.after }.prefix(ReadSandboxAudit.Response.limit)
                return ReadSandboxAudit.Response(lines: wanted.map { AuditLine($0) })
            }
        }
    }
}

extension AuditLine {
    init(_ entry: AuditEntry) {
        self.init(number: entry.number, time: entry.time, event: entry.event, facts: entry.facts, hash: entry.hash)
    }
}
