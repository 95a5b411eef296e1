import Access
import Linux
import Wire

/// `/api-keys` and `/teams`. A key makes keys of its own owner, and sees no others.
struct KeyEndpoints: Sendable {
    let keys: APIKeys

    func list(_ request: Request) async throws -> Answer {
        try Answer(200, keys.list(of: request.caller.owner).map { KeyModel($0) })
    }

    func create(_ request: Request) async throws -> Answer {
        let model = try await request.body(KeyNameModel.self)
        guard request.caller.key?.budget.isUnlimited ?? true else {
            throw RESTError(403, "A key with a budget makes no other keys: they would have none")
        }
        let (key, secret) = try await keys.add(name: model.name, owner: request.caller.owner)
        return try Answer(201, KeyModel(key, secret: secret.exposed { $0 }))
    }

    func rename(_ request: Request) async throws -> Answer {
        let model = try await request.body(KeyNameModel.self)
        return try Answer(200, KeyModel(try await keys.rename(request["id"], to: model.name, of: request.caller.owner)))
    }

    func remove(_ request: Request) async throws -> Answer {
        try await keys.remove(request["id"], of: request.caller.owner)
        return Answer(204)
    }

    func teams(_ request: Request) async throws -> Answer {
        let owner = request.caller.owner
        let key = request.headers.apiKey ?? ""
        return try Answer(200, [TeamModel(teamID: owner.rawValue, name: owner.rawValue, apiKey: key, isDefault: true)])
    }
}

extension KeyModel {
    init(_ key: APIKey, secret: String? = nil) {
        id = key.id
        self.key = secret
        mask = MaskModel(
            prefix: APIKey.Mask.prefix,
            valueLength: APIKey.Mask.digits,
            maskedValuePrefix: key.mask.beginning,
            maskedValueSuffix: key.mask.ending
        )
        name = key.name
        createdAt = Timestamp(key.created)
        lastUsed = Nullable(key.lastUsed.map { Timestamp($0) })
    }
}
