// What the control plane says about keys and whose they are.

/// `IdentifierMaskingDetails`.
struct MaskModel: Codable, Sendable, Hashable {
    var prefix: String
    var valueLength: Int
    var maskedValuePrefix: String
    var maskedValueSuffix: String
}

/// `TeamAPIKey`, and `CreatedTeamAPIKey` when `key` is there.
struct KeyModel: Codable, Sendable, Hashable {
    var id: String
    /// The whole key; only in the answer to its making.
    var key: String?
    var mask: MaskModel
    var name: String
    var createdAt: Timestamp
    var lastUsed: Nullable<Timestamp>
}

/// `NewTeamAPIKey` and `UpdateTeamAPIKey`.
struct KeyNameModel: Codable, Sendable, Hashable {
    var name: String
}

/// `Team`.
struct TeamModel: Codable, Sendable, Hashable {
    var teamID: String
    var name: String
    /// The caller's own key, which it has shown: no other can be read any more.
    var apiKey: String
    var isDefault: Bool
}
