import Access
import Linux
import RPC
import Secrets
import Wire

extension CallRouter {
    /// Those of the installation's owner: others have their own by E2B's calls.
    mutating func addSecretCalls(_ secrets: SecretVault) {
        let owner = Owner.installation.rawValue
        on(SetSecret.self) { request, _ in
            try await refusing {
                SecretInfo(try await secrets.set(request.name, Secret(request.value), owner: owner))
            }
        }
        on(ListSecrets.self) { _, _ in
            try await refusing {
                var all: [SecretInfo] = []
                while true {
                    let page = try await secrets.list(owner: owner, after: all.last?.name ?? "")
                    if page.isEmpty { return ListSecrets.Response(secrets: all) }
                    all += page.map { SecretInfo($0) }
                }
            }
        }
        on(RemoveSecret.self) { request, _ in
            try await refusing {
                let secret = try await secrets.secret(named: request.name, owner: owner)
                try await secrets.remove(secret.id, owner: owner)
                return Empty()
            }
        }
    }
}

extension SecretInfo {
    init(_ secret: StoredSecret) {
        self.init(
            id: secret.id,
            name: secret.name,
            version: secret.version,
            created: secret.created,
            updated: secret.updated
        )
    }
}
