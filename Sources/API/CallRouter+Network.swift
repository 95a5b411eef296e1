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
                let policy = try EgressPolicy(
                    allow: request.allow,
                    deny: request.deny,
                    otherwise: sandboxes.networks.settings.policy
                )
                try await sandboxes.setEgress(policy, of: try sandboxes.sandbox(request.id))
                return NetworkPolicy(policy)
            }
        }
    }
}
