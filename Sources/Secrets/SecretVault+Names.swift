import Linux
import Wire

/// Secrets by their names, as people call them.
extension SecretVault {
    /// The name of the model's key, which the gateway uses where the environment has none.
    package static let modelKey = "anthropic"

    /// What may be told about the secret of this name.
    ///
    /// - Throws: ``SecretsError/Code/notFound``.
    package func secret(named name: String, owner: String) async throws -> StoredSecret {
        var last = ""
        while true {
            let page = try await list(owner: owner, after: last)
            if let found = page.first(where: { $0.name == name }) { return found }
            guard let next = page.last?.name else {
                throw SecretsError(.notFound, "There is no secret '\(name)'")
            }
            last = next
        }
    }

    /// Stores a secret, or gives the one of this name a new value.
    package func set(_ name: String, _ value: Secret, owner: String) async throws -> StoredSecret {
        do {
            return try await add(name, value, owner: owner)
        } catch let error as SecretsError where error.code == .nameTaken {
            return try await replace(try await secret(named: name, owner: owner).id, with: value, owner: owner)
        }
    }
}
