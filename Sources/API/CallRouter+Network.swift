import Egress
import RPC
import Sandboxes
import Wire

extension CallRouter {
    mutating func addNetworkCalls(_ sandboxes: SandboxRegistry) {
        on(ReadSandboxNetwork.self) { request, _ in
            try await refusing {
                let network = sandboxes.networks.network(of: try sandboxes.sandbox(request.id))
                return ReadSandboxNetwork.Response(
                    policy: NetworkPolicy(network.egress.policy),
                    events: Array(network.log.events(after: request.after).prefix(ReadSandboxNetwork.Request.limit))
                )
            }
        }
        on(SetSandboxNetwork.self) { request, _ in
            try await refusing {
                var policy = try EgressPolicy(
                    allow: request.allow,
                    deny: request.deny,
                    otherwise: sandboxes.networks.settings.policy
                )
                let sandbox = try sandboxes.sandbox(request.id)
                // What is done to requests is not this call's to change.
                policy.headerRules = sandbox.record.egressPolicy.headerRules
                try await sandboxes.setEgress(policy, of: sandbox)
                return NetworkPolicy(policy)
            }
        }
    }
}
