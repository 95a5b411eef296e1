import Access
import FoundationEssentials
import HTTP
import Linux
import Secrets
import Wire

/// `NewSecret`; without a name it is a new version.
struct SecretValueModel: Codable, Sendable, Hashable {
    var name: String?
    var value: String
    var metadata: JSONValue?
}

/// `Secret`: what may be told about it.
struct SecretModel: Codable, Sendable, Hashable {
    var secretID: String
    var name: String
    var currentVersion: Int
    var metadata: JSONValue
    var createdAt: Timestamp
    var updatedAt: Timestamp

    init(_ secret: StoredSecret) {
        secretID = secret.id
        name = secret.name
        currentVersion = secret.version
        metadata = secret.metadata
        createdAt = Timestamp(secret.created)
        updatedAt = Timestamp(secret.updated)
    }
}

/// `/secrets`: written here, and read by the gateway alone. A key sees its owner's, and no others.
struct SecretEndpoints: Sendable {
    let secrets: SecretVault

    func create(_ request: Request) async throws -> Answer {
        let model = try await request.body(SecretValueModel.self)
        guard let name = model.name else { throw RESTError.badRequest("'name' is missing") }
        let stored = try await secrets.add(
            name,
            Secret(model.value),
            metadata: model.metadata ?? [:],
            owner: request.caller.owner.rawValue
        )
        return try Answer(201, SecretModel(stored))
    }

    func replace(_ request: Request) async throws -> Answer {
        let model = try await request.body(SecretValueModel.self)
        let stored = try await secrets.replace(
            request["id"],
            with: Secret(model.value),
            metadata: model.metadata,
            owner: request.caller.owner.rawValue
        )
        return try Answer(200, SecretModel(stored))
    }

    func get(_ request: Request) async throws -> Answer {
        try Answer(200, SecretModel(try await secrets.secret(request["id"], owner: request.caller.owner.rawValue)))
    }

    /// By name; the token of the next page is the last name of this one.
    func list(_ request: Request) async throws -> Answer {
        let limit = Int(try request.query.integer("limit", in: 1...100) ?? 100)
        let page = try await secrets.list(
            owner: request.caller.owner.rawValue,
            after: request.query["nextToken"] ?? "",
            limit: limit
        )
        var answer = try Answer(200, page.map { SecretModel($0) })
        if page.count == limit { answer.headers["X-Next-Token"] = page.last?.name }
        return answer
    }

    func remove(_ request: Request) async throws -> Answer {
        try await secrets.remove(request["id"], owner: request.caller.owner.rawValue)
        return Answer(204)
    }
}

extension RESTError {
    init(_ error: SecretsError) {
        switch error.code {
        case .notFound: self.init(404, error.message)
        case .nameTaken: self.init(409, error.message)
        case .invalid: self.init(400, error.message)
        default: self.init(500, error.message)
        }
    }
}
