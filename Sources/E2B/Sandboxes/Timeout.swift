/// The lifetimes that may be asked for.
enum Timeout {
    static let longestHours = 8760

    /// Seconds from now that must be some.
    static func lifetime(_ seconds: Int) throws -> Duration {
        guard seconds > 0 else { throw RESTError.badRequest("Timeout must be greater than 0") }
        return try lifetimeOrNone(seconds)
    }

    /// Seconds from now; none or fewer is now.
    static func lifetimeOrNone(_ seconds: Int) throws -> Duration {
        guard seconds <= longestHours * 3600 else {
            throw RESTError.badRequest("Timeout cannot be greater than \(longestHours) hours")
        }
        return .seconds(max(0, seconds))
    }
}
