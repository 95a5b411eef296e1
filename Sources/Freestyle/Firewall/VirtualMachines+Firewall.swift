import Access
import Egress
import Sandboxes
import Wire

extension VM {
    /// Whether firewall rules say what it may reach: it was made with them, or one was made for it since.
    var hasFirewall: Bool { sandbox.record.egressPolicy.closesMail }
}

extension VirtualMachines {
    /// Holds a machine to the rules about it as they are now.
    func enforce(_ firewall: FirewallRules, on vm: VM) async throws {
        var policy = EgressPolicy.firewall(firewall.outgoing(from: vm.id, of: vm.sandbox.record.owner))
        policy.headerRules = vm.sandbox.record.egressPolicy.headerRules
        guard policy != vm.sandbox.record.egressPolicy else { return }
        try await sandboxes.setEgress(policy, of: vm.sandbox)
    }

    /// Does the same for all machines that these rules, which are new or were removed, are about.
    func enforce(_ firewall: FirewallRules, after changed: [StoredRule]) async throws {
        let named = Set(changed.compactMap(\.source.vm))
        let owners = Set(changed.map(\.owner))
        for vm in all(.local) where named.contains(vm.id) || vm.hasFirewall && owners.contains(vm.sandbox.record.owner)
        {
            do { try await enforce(firewall, on: vm) } catch let error as SandboxError where error.code == .ended {}
        }
    }
}
