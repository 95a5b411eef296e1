import FoundationEssentials

/// How long a sandbox lives that is resumed.
package enum ResumedLifetime: Sendable, Hashable {
    /// As long as it was last asked to.
    case asBefore
    /// From now; nil is until it is killed.
    case anew(Duration?)
}

/// What is saved of a sandbox: the name of its snapshot, and when that was.
package struct SavedState: Codable, Sendable, Hashable {
    package var snapshot: String
    package var at: Date
    /// Whether it is the disk alone: it is booted then, and not resumed.
    private var isDisk: Bool?

    package var hasMemory: Bool { isDisk != true }

    package init(snapshot: String, at: Date, hasMemory: Bool = true) {
        self.snapshot = snapshot
        self.at = at
        isDisk = hasMemory ? nil : true
    }
}
