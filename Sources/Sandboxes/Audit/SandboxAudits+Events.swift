import Access
import Egress
import FoundationEssentials
import HTTP
import Wire

/// What an audit log says of a sandbox's life; what left it is in ``EgressEvent``.
extension SandboxAudits {
    func note(_ event: EgressEvent) {
        let (name, facts) = event.audit
        note(event.sandboxID, name, facts)
    }

    /// - Parameter parent: the sandbox that it is a fork of.
    func noteCreation(of record: SandboxRecord, from parent: String? = nil) {
        var facts: [String: JSONValue] = [
            "template": .string(record.template), "build": .string(record.buildID),
            "owner": .string(record.owner.rawValue), "network": .object(NetworkPolicy(record.egressPolicy).audit),
        ]
        if let parent { facts["forkOf"] = .string(parent) }
        if let run = record.metadata["run"] { facts["run"] = .string(run) }
        note(record.id, "sandbox.created", facts)
        if record.ends != nil { noteEnd(of: record) }
    }

    func noteEnd(of record: SandboxRecord) {
        note(record.id, "sandbox.deadline", ["ends": record.ends.map { .string($0.formatted(.iso8601)) } ?? .null])
    }

    /// Writes a request to a sandbox's agent down: what was asked for, never with what.
    package func note(_ id: String, _ request: RequestHead) {
        // Asked for all the time, and about nothing that is anyone's.
        if request.path == "/health" || request.path == "/metrics" { return }
        var facts: [String: JSONValue] = ["method": .string(request.method), "path": .string(request.path)]
        if let file = request.query["path"] { facts["file"] = .string(file) }
        if let user = request.query["username"] { facts["user"] = .string(user) }
        note(id, "api.request", facts)
    }

    /// Writes down which commands ran, as the guest's own agent told it.
    func noteCommands(_ entries: [JournalEntry], of id: String) {
        for entry in entries where entry.kind == .started || entry.kind == .ended {
            let facts: [String: JSONValue] = [
                "at": .string(entry.time.formatted(.iso8601)), "pid": .integer(Int64(entry.pid)),
                "text": .string(entry.text),
            ]
            note(id, entry.kind == .started ? "command.started" : "command.ended", facts)
        }
    }
}

extension NetworkPolicy {
    var audit: [String: JSONValue] {
        var facts: [String: JSONValue] = [
            "allow": .array(allow.map { .string($0) }), "deny": .array(deny.map { .string($0) }),
            "allowsOthers": .bool(allowsOthers),
        ]
        facts["headers"] = headers.map { .array($0.map { .string($0) }) }
        facts["git"] = git.map { .array($0.map { .string($0) }) }
        return facts
    }
}
