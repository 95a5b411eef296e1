import Access
import Gateway
import Linux
import RPC
import Wire

extension CallRouter {
    mutating func addKeyCalls(_ keys: APIKeys, _ gateway: GuestGateway) {
        on(CreateKey.self) { request, _ in
            try await refusing {
                let name = request.owner ?? Owner.installation.rawValue
                guard let owner = Owner(named: name) else {
                    throw CallError(
                        .invalidArgument,
                        "'\(name)' is no owner: 1 to 63 lower-case letters, digits, dashes and underscores"
                    )
                }
                let (key, secret) = try await keys.add(
                    name: request.name,
                    owner: owner,
                    budget: request.budget ?? KeyBudget()
                )
                if !key.budget.isUnlimited { try await gateway.limit(key: key.id, to: key.budget) }
                return CreateKey.Response(info: KeyInfo(key), key: secret.exposed { $0 })
            }
        }
        on(ListKeys.self) { _, _ in ListKeys.Response(keys: keys.list(of: nil).map { KeyInfo($0) }) }
        on(RemoveKey.self) { request, _ in
            try await refusing { try await keys.remove(request.id, of: nil) }
            gateway.close(key: request.id)
            return Empty()
        }
        on(SetKeyBudget.self) { request, _ in
            try await refusing {
                let key = try await keys.set(request.budget, of: request.id)
                try await gateway.limit(key: key.id, to: key.budget)
                return KeyInfo(key)
            }
        }
    }
}

extension KeyInfo {
    init(_ key: APIKey) {
        self.init(
            id: key.id,
            owner: key.owner.rawValue,
            name: key.name,
            mask: "\(APIKey.Mask.prefix)\(key.mask.beginning)…\(key.mask.ending)",
            created: key.created,
            lastUsed: key.lastUsed,
            budget: key.budget.isUnlimited ? nil : key.budget
        )
    }
}
