import Access
import Linux
import RPC
import Wire

extension CallRouter {
    mutating func addKeyCalls(_ keys: APIKeys) {
        on(CreateKey.self) { request, _ in
            try await refusing {
                let name = request.owner ?? Owner.installation.rawValue
                guard let owner = Owner(named: name) else {
                    throw CallError(
                        .invalidArgument,
                        "'\(name)' is no owner: 1 to 63 lower-case letters, digits, dashes and underscores"
                    )
                }
                let (key, secret) = try await keys.add(name: request.name, owner: owner)
                return CreateKey.Response(info: KeyInfo(key), key: secret.exposed { $0 })
            }
        }
        on(ListKeys.self) { _, _ in ListKeys.Response(keys: keys.list(of: nil).map { KeyInfo($0) }) }
        on(RemoveKey.self) { request, _ in
            try await refusing { try await keys.remove(request.id, of: nil) }
            return Empty()
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
            lastUsed: key.lastUsed
        )
    }
}
