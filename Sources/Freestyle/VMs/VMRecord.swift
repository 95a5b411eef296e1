import Access
import FoundationEssentials
import Sandboxes

/// What Freestyle's API knows of a machine beyond the sandbox that it is.
///
/// Written when it is made or changed, forgotten when the sandbox is no more. A sandbox that was made another way has one only
/// once it is changed this way.
struct VMRecord: Codable, Sendable, Hashable {
    var id: String
    var owner: Owner
    var slug: String?
    var displayName: String?
    /// What it was made from, as it was asked for.
    var snapshot: String
    var metadata: [String: String]
    var limits = VMLimits()
    var updated: Date

    /// Of a sandbox that was made another way.
    init(_ sandbox: SandboxRecord) {
        id = sandbox.id
        owner = sandbox.owner
        snapshot = sandbox.template
        metadata = sandbox.metadata
        updated = sandbox.created
    }

    static let metadataEntries = 64
    static let metadataLength = 63

    /// - Throws: ``FreestyleError`` with status 400 for more, or longer ones, than a machine can have.
    static func checked(_ metadata: [String: String]) throws -> [String: String] {
        guard metadata.count <= metadataEntries else {
            throw FreestyleError.badRequest("'metadata' must have at most \(metadataEntries) entries")
        }
        for (name, value) in metadata
        where name.isEmpty || name.utf8.count > metadataLength || value.utf8.count > metadataLength {
            throw FreestyleError.badRequest(
                "'metadata.\(name)' must have a name and a value of at most \(metadataLength) characters"
            )
        }
        return metadata
    }
}

/// The limits of a machine's life, in seconds; nil is none.
struct VMLimits: Codable, Sendable, Hashable {
    /// After which without a client it is paused.
    var idleTimeout: Int64?
    /// After which not running it is deleted; 0 is at once.
    var autoDelete: Int64?
    /// From its creation, after which it is deleted.
    var ttl: Int64?
    /// Of one run, after which it is paused.
    var maxRun: Int64?
    /// Of all runs, after which it can not be started any more.
    var maxRunTotal: Int64?
    /// Kept and told; a machine that has ended by itself is not started again.
    var automaticRestart = true

    private static let seconds: ClosedRange<Int64> = 1...(8760 * 3600)

    /// Takes over what a request says of them.
    mutating func change(_ members: Members) throws {
        try Self.set(&idleTimeout, members, "idleTimeoutSeconds", -1...Self.seconds.upperBound)
        try Self.set(&autoDelete, members, "autoDeleteSeconds", -1...Self.seconds.upperBound)
        try Self.set(&ttl, members, "ttlSeconds", Self.seconds)
        try Self.set(&maxRun, members, "maxRunSeconds", Self.seconds)
        try Self.set(&maxRunTotal, members, "maxRunTotalSeconds", Self.seconds)
        if let restarts = try members.bool("automaticRestart") { automaticRestart = restarts }
        if idleTimeout == 0 {
            throw FreestyleError.badRequest("'idleTimeoutSeconds' must be -1, for never, or more than 0")
        }
    }

    private static func set(
        _ limit: inout Int64?,
        _ members: Members,
        _ name: String,
        _ range: ClosedRange<Int64>
    ) throws {
        switch try members.integerChange(name, in: range) {
        case .keep: break
        case .clear: limit = nil
        case .set(let seconds): limit = seconds < 0 ? nil : seconds
        }
    }
}
