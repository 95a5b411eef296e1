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
                let isAboutRequestsAlone =
                    (request.headers?.isEmpty == false || request.git?.isEmpty == false) && request.allow.isEmpty
                    && request.deny.isEmpty
                var rest = isAboutRequestsAlone ? current : sandboxes.networks.settings.policy
                if isAboutRequestsAlone, request.headers != nil { rest = rest.withoutHeaderRules }
                if isAboutRequestsAlone, request.git != nil { rest = rest.withoutGitRules }
                var policy = try EgressPolicy(
                    allow: request.allow,
                    deny: request.deny,
                    headers: request.headers ?? [],
                    git: request.git ?? [],
                    otherwise: rest
                )
                if request.headers == nil, !isAboutRequestsAlone { policy.keepHeaderRules(of: current) }
                if request.git == nil, !isAboutRequestsAlone { policy.keepGitRules(of: current) }
                try await sandboxes.networks.findSecrets(of: policy, owner: sandbox.record.owner)
                try await sandboxes.setEgress(policy, of: sandbox)
                return NetworkPolicy(policy)
            }
        }
    }
}
