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

    /// A year.
    static let longest: Int64 = 8760 * 3600
    private static let seconds = 1...longest

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

    private static func set(_ limit: inout Int64?, _ members: Members, _ name: String, _ range: ClosedRange<Int64>)
        throws
    {
        switch try members.integerChange(name, in: range) {
        case .keep: break
        case .clear: limit = nil
        case .set(let seconds): limit = seconds < 0 ? nil : seconds
        }
    }
}
