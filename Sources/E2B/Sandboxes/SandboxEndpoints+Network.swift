import Egress
import Sandboxes

/// `SandboxNetworkUpdateConfig`.
struct NetworkUpdateModel: Codable, Sendable, Hashable {
    var allowInternetAccess: Bool?
    var allowOut: [String]?
    var denyOut: [String]?
    var dnsServers: [String]?
    var egressProxy: NetworkModel.EgressProxy?
    var rules: [String: [NetworkModel.Rule]]?

    enum CodingKeys: String, CodingKey {
        case allowOut, denyOut, dnsServers, egressProxy, rules
        case allowInternetAccess = "allow_internet_access"
    }
}

extension SandboxEndpoints {
    /// Replaces what a sandbox may reach: what is left out is as if it had never been asked for.
    func setNetwork(_ request: Request) async throws -> Answer {
        let model = try await request.body(NetworkUpdateModel.self)
        let sandbox = try find(request)
        let wishes = try NetworkWishes(
            NetworkModel(
                allowOut: model.allowOut,
                denyOut: model.denyOut,
                dnsServers: model.dnsServers,
                egressProxy: model.egressProxy,
                rules: model.rules
            ),
            allowsInternet: model.allowInternetAccess,
            otherwise: sandboxes.networks.settings.policy
        )
        do {
            try await sandboxes.setEgress(wishes.egress, of: sandbox)
        } catch let error as SandboxError where error.code == .ended {
            throw RESTError.noSandbox(request["id"])
        }
        return Answer(204)
    }
}
