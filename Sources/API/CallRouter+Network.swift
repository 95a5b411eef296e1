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
                let sandbox = try sandboxes.sandbox(request.id)
                let current = sandbox.record.egressPolicy
                let isAboutHeadersAlone =
                    request.headers?.isEmpty == false && request.allow.isEmpty && request.deny.isEmpty
                var policy = try EgressPolicy(
                    allow: request.allow,
                    deny: request.deny,
                    headers: request.headers ?? [],
                    otherwise: isAboutHeadersAlone ? current.withoutHeaderRules : sandboxes.networks.settings.policy
                )
                if request.headers == nil { policy.keepHeaderRules(of: current) }
                try await sandboxes.networks.findSecrets(of: policy, owner: sandbox.record.owner)
                try await sandboxes.setEgress(policy, of: sandbox)
                return NetworkPolicy(policy)
            }
        }
    }
}
