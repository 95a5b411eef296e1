import Wire

// What the control plane says about templates.

/// `TemplateBuild`.
struct BuildModel: Codable, Sendable, Hashable {
    var buildID: String
    var status: TemplateBuildStatus
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var finishedAt: Timestamp?
    var cpuCount: Int
    var memoryMB: Int
    var diskSizeMB: Int
    var envdVersion: String
}

/// `TeamUser`, which no template here has.
struct UserModel: Codable, Sendable, Hashable {
    var id: String
    var email: String?
}

/// `Template`, and `TemplateWithBuilds` when `builds` is there.
struct TemplateModel: Codable, Sendable, Hashable {
    var templateID: String
    var buildID: String
    var cpuCount: Int
    var memoryMB: Int
    var diskSizeMB: Int
    var `public`: Bool
    var aliases: [String]
    var names: [String]
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var createdBy: Nullable<UserModel>
    var lastSpawnedAt: Nullable<Timestamp>
    var spawnCount: Int
    var buildCount: Int
    var envdVersion: String
    var buildStatus: TemplateBuildStatus
    var builds: [BuildModel]?
}

/// `TemplateAliasResponse`.
struct AliasModel: Codable, Sendable, Hashable {
    var templateID: String
    var `public`: Bool
}

/// `TemplateTag`.
struct TagModel: Codable, Sendable, Hashable {
    var tag: String
    var buildID: String
    var createdAt: Timestamp
}
