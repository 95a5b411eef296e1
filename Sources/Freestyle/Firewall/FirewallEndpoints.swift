import Access
import Sandboxes
import Wire

/// `/v5/firewall`: rules, and what would come of a connection.
struct FirewallEndpoints: Sendable {
    let machines: VirtualMachines
    let firewall: FirewallRules

    /// The rules that hold: those of machines that have ended since are none any more.
    private func living(_ request: Request) -> [StoredRule] {
        let ids = Set(machines.all(request.caller).map(\.id))
        return firewall.all(request.caller).filter { $0.machines.isSubset(of: ids) }
    }

    func list(_ request: Request) async throws -> Answer {
        Answer(200, ["rules": .array(living(request).map(\.document))])
    }

    func get(_ request: Request) async throws -> Answer { Answer(200, try find(request).document) }

    private func find(_ request: Request) throws -> StoredRule {
        let rule = try firewall.find(request["id"], request.caller)
        guard living(request).contains(rule) else {
            throw FreestyleError.notFound("There is no firewall rule '\(rule.id)'")
        }
        return rule
    }

    func add(_ request: Request) async throws -> Answer {
        var draft = try FirewallRuleDraft(try request.members())
        guard draft.source.hasIdentity || draft.destination.hasIdentity else {
            throw FreestyleError.badRequest("A rule must say who may connect, or to whom: 'vmId', 'cidr' or 'public'")
        }
        draft.source.vm = try known(draft.source.vm, request)
        draft.destination.vm = try known(draft.destination.vm, request)
        let added = try await firewall.add([draft], of: request.caller.owner)
        try await machines.enforce(firewall, after: added)
        return Answer(201, added[0].document)
    }

    /// The id of a machine that was named by its id or slug.
    private func known(_ vm: String?, _ request: Request) throws -> String? {
        try vm.map { try machines.find($0, request.caller).id }
    }

    func remove(_ request: Request) async throws -> Answer {
        let rule = try find(request)
        try await firewall.remove([rule.id])
        try await machines.enforce(firewall, after: [rule])
        return Answer(204)
    }

    func evaluate(_ request: Request) async throws -> Answer {
        var question = try FirewallDecision.Question(try request.members())
        question.source.vm = try known(question.source.vm, request)
        question.destination.vm = try known(question.destination.vm, request)
        // A machine that has no firewall is held to what it was made with.
        if let source = question.source.vm, let vm = try? machines.find(source, request.caller), !vm.hasFirewall,
            let decision = FirewallDecision(question, vm.sandbox.record.egressPolicy)
        {
            return Answer(200, decision.document)
        }
        return Answer(200, FirewallDecision(question, living(request)).document)
    }
}
